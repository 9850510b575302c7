"""POST /v1/events, as sites send them."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.core.http.examples import EVENT, SEVERAL_EVENTS
from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS, metadata, view


def history(client: TestClient, user: str) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/users/{user}/history")
    assert answer.status_code == 200
    events: list[dict[str, Any]] = answer.json()["events"]
    return events


def test_the_documented_examples_are_accepted(client: TestClient) -> None:
    one = client.post("/v1/events", json=EVENT)
    assert (one.status_code, one.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
    again = client.post("/v1/events", json=SEVERAL_EVENTS)
    assert (again.status_code, again.json()["accepted"]) == (202, 2)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda event: event,
        lambda event: [event],
        lambda event: {"events": [event]},
        lambda event: {"Partitionkey": "p", "Data": event},
        lambda event: [{"Partitionkey": 7, "Data": event}],
        lambda event: {"events": [{"Data": event}]},
    ],
    ids=["bare", "list", "events", "envelope", "list of envelopes", "events in envelopes"],
)
def test_every_documented_form_carries_an_event(client: TestClient, user: str, wrap: Any) -> None:
    answer = client.post("/v1/events", json=wrap(view(user, CATS[0])))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert [event["itemId"] for event in history(client, user)] == [CATS[0]]


def test_an_acknowledged_event_is_in_the_very_next_history_and_answer(
    client: TestClient, user: str
) -> None:
    question = {"userId": user, "limit": 12}
    before = client.post("/v1/recommendations", json=question).json()
    for n, group in enumerate([CATS[0], CATS[3], DOGS[0]]):
        sent = view(user, group, eventId=f"{user} {n}")
        assert client.post("/v1/events", json=sent).json()["accepted"] == 1
        assert history(client, user)[0]["eventId"] == f"{user} {n}"
        after = client.post("/v1/recommendations", json=question).json()
        assert after != before
        before = after


def test_everything_that_was_sent_comes_back(client: TestClient, user: str) -> None:
    sent = view(
        user,
        DOGS[1],
        eventId=f"all {user}",
        animal_id=7,
        sentAt="2026-05-17T09:30:00+02:00",
        eventValue=0.25,
        recommendationId="RID-1",
        impression=[DOGS[1], CATS[1]],
        properties={"nested": {"ü": [1, None, "\x00"]}, "big": 2**63},
    )
    assert client.post("/v1/events", json=sent).json()["accepted"] == 1
    (event,) = history(client, user)
    assert event.pop("receivedAt").endswith("Z")
    assert event == {
        "eventId": f"all {user}",
        "eventType": "view",
        "itemId": DOGS[1],
        "sentAt": "2026-05-17T07:30:00.000Z",
        "userId": user,
        "sessionId": f"session of {user}",
        "animal_id": "7",
        "eventValue": 0.25,
        "recommendationId": "RID-1",
        "impression": [DOGS[1], CATS[1]],
        "properties": {"nested": {"ü": [1, None, "\x00"]}, "big": 2**63},
    }


def test_a_call_in_which_every_event_is_refused_is_an_error_with_its_receipt(
    client: TestClient, user: str
) -> None:
    bad = view(user, CATS[0], eventValue="much")
    answer = client.post("/v1/events", json=[bad, 7])
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "all_rejected"
    assert "none of the 2 events was taken; of the first: eventValue" in error_of(answer)["message"]
    receipt = answer.json()
    assert (receipt["accepted"], receipt["duplicates"]) == (0, 0)
    assert [each["index"] for each in receipt["rejected"]] == [0, 1]
    alone = client.post("/v1/events", json=bad)
    assert alone.status_code == 400
    assert error_of(alone) == {
        "code": "invalid_input",
        "message": 'eventValue must be a number, such as 10: it is text, "much"',
        "field": "eventValue",
    }


def test_an_event_of_an_unknown_animal_is_refused_by_its_name_and_costs_no_good_one(
    client: TestClient, user: str
) -> None:
    unknown = {"userId": user, "sessionId": user, "eventType": "view", "animal_id": "nope"}
    answer = client.post("/v1/events", json=[view(user, CATS[0]), unknown])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["field"]) == (1, "animal_id")
    assert "there is no animal nope" in rejected["message"]


def test_a_type_that_means_nothing_is_taken_and_named_in_the_receipt(
    client: TestClient, user: str
) -> None:
    sent = [view(user, CATS[0], eventType=kind) for kind in ("adoptoin", "adoptoin", "Adopted")]
    receipt = client.post("/v1/events", json=sent).json()
    assert (receipt["accepted"], receipt["rejected"]) == (3, [])
    (warning,) = receipt["warnings"]
    assert (warning["code"], warning["field"]) == ("unknown_event_type", "eventType")
    assert "'adoptoin'" in warning["message"]
    assert "did you mean adoption?" in warning["message"]
    assert "warnings" not in client.post("/v1/events", json=view(user, CATS[0])).json()


def test_a_duplicate_is_not_refused(client: TestClient, user: str) -> None:
    event = view(user, CATS[0], eventId=f"again {user}")
    client.post("/v1/events", json=event)
    answer = client.post("/v1/events", json=[event, 7])
    assert (answer.status_code, answer.json()["duplicates"]) == (202, 1)


@pytest.mark.parametrize("body", [[], {"events": []}], ids=str)
def test_a_call_without_events_is_refused(client: TestClient, body: Any) -> None:
    answer = client.post("/v1/events", json=body)
    assert answer.status_code == 400
    assert "send some" in error_of(answer)["message"]


def test_anonymous_views_become_the_users_at_once(client: TestClient, user: str) -> None:
    session = f"anonymous {user}"
    client.post("/v1/events", json=view(None, CATS[0], sessionId=session))
    anonymous = client.post("/v1/recommendations", json={"sessionId": session}).json()
    assert anonymous[0]["id"] in CATS
    assert history(client, user) == []
    client.post("/v1/events", json=view(user, CATS[1], sessionId=session))
    assert [event["itemId"] for event in history(client, user)] == [CATS[1], CATS[0]]
    by_user = client.post("/v1/recommendations", json={"userId": user}).json()
    by_session = client.post("/v1/recommendations", json={"sessionId": session}).json()
    assert by_user == by_session != anonymous


def test_ids_without_a_meaning_are_taken_with_a_warning(client: TestClient, user: str) -> None:
    good = metadata(CATS[0])
    odd = good | {"animal_species_id": 99, "animal_size_id": "enormous"}
    sent = [view(user, CATS[0], animalMetadata=one) for one in (good, odd, odd)]
    answer = client.post("/v1/events", json=sent).json()
    assert (answer["accepted"], answer["rejected"]) == (3, [])
    listed = [(one["index"], one["code"], one["field"]) for one in answer["warnings"]]
    of = "animalMetadata."
    assert listed == [
        (1, "unknown_value", f"{of}animal_species_id"),
        (1, "unknown_value", f"{of}animal_size_id"),
    ]
    assert "'enormous' has no meaning" in answer["warnings"][1]["message"]
    assert "1 (small), 2 (medium)" in answer["warnings"][1]["message"]
    unknown = good | {"animal_size_id": "unknown"}
    known = client.post("/v1/events", json=view(user, CATS[0], animalMetadata=unknown)).json()
    assert "warnings" not in known
    items = [{"itemId": str(n), "animalMetadata": one} for n, one in enumerate((good, odd))]
    body = {"userId": user, "itemMetadataList": items}
    ranked = client.post("/v1/rerankings", json=body).json()
    assert [one["index"] for one in ranked["warnings"]] == [1, 1]
    right = client.post("/v1/rerankings", json=body | {"itemMetadataList": items[:1]}).json()
    assert right.keys() == {"ranking", "personalizeResponse"}
