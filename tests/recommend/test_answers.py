"""POST /v1/recommendations and /v1/rerankings."""

import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from starlette.testclient import TestClient

from pawsonalize.core import clock
from pawsonalize.core.database.database import Database
from pawsonalize.core.http.examples import RECOMMENDATION, RERANKING
from pawsonalize.core.times import MINUTE
from pawsonalize.recommend.tables import Impression, Impressions
from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS, client_of, make_service, metadata, view

EVERYTHING = 13  # groups in the catalogue


def recommend(client: TestClient, path: str = "", **question: Any) -> Any:
    answer = client.post(f"/v1/recommendations{path}", json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rerank(client: TestClient, groups: list[str], **question: Any) -> Any:
    """Rank a list in which each animal is called after its place and its group."""
    places = [
        {"itemId": f"{place}:{group}", "animalMetadata": metadata(group)}
        for place, group in enumerate(groups)
    ]
    answer = client.post("/v1/rerankings", json=question | {"itemMetadataList": places})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_documented_recommendation_example_is_answered_as_documented(
    client: TestClient,
) -> None:
    answer = client.post("/v1/recommendations", json=RECOMMENDATION)
    assert answer.status_code == 200
    assert answer.headers["x-recommendation-id"].startswith("RID-")
    groups = answer.json()
    assert len(groups) == RECOMMENDATION["limit"]
    assert all(group.keys() == {"id"} for group in groups)
    assert {group["id"] for group in groups} <= {*CATS, *DOGS, "2-Unseen-1-1"}


def test_the_documented_reranking_example_is_answered_as_documented(client: TestClient) -> None:
    answer = client.post("/v1/rerankings", json=RERANKING)
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"ranking", "personalizeResponse"}
    response = body["personalizeResponse"]
    assert response.keys() == {"ResponseMetadata", "personalizedRanking", "recommendationId"}
    assert str(UUID(response["recommendationId"].removeprefix("RID-"))) in answer.headers.get(
        "x-recommendation-id"
    )
    ranked = response["personalizedRanking"]
    groups = {"a-1": "1-Siamese-1-1", "a-2": "2-Saint_Bernard-3-2", "a-3": "2-Beagle-2-3"}
    assert [item["itemId"] for item in ranked] == [groups[one] for one in body["ranking"]]
    assert sorted(body["ranking"]) == ["a-1", "a-2", "a-3"]
    assert sum(item["score"] for item in ranked) == pytest.approx(1)
    scores = [item["score"] for item in ranked]
    assert scores == sorted(scores, reverse=True)


def test_a_user_nobody_knows_gets_what_everyone_gets(client: TestClient, user: str) -> None:
    everyone = recommend(client)
    assert len(everyone) == 10
    assert recommend(client, userId=user) == recommend(client, sessionId=user) == everyone


def test_details_have_scores_reasons_and_attributes(client: TestClient, user: str) -> None:
    answer = recommend(client, "?detail=full", userId=user, limit=500)
    assert answer.keys() == {"recommendationId", "solutionVersion", "recommendations"}
    assert answer["solutionVersion"].startswith("recommender-")
    groups = answer["recommendations"]
    assert len(groups) == EVERYTHING
    assert sum(group["score"] for group in groups) == pytest.approx(1)
    manx = next(group for group in groups if group["id"] == "1-Manx-2-1")
    assert manx["metadata"] == {name: str(value) for name, value in metadata("1-Manx-2-1").items()}
    assert isinstance(manx["reasons"], list)


def test_numbers_and_text_name_the_same_user(client: TestClient) -> None:
    client.post("/v1/events", json=view("4711", CATS[0]))
    assert recommend(client, userId=4711) == recommend(client, userId="4711") != recommend(client)


def test_the_metadata_of_a_ranking_is_as_boto3_gives_it(client: TestClient, user: str) -> None:
    response = rerank(client, [CATS[0]], userId=user)["personalizeResponse"]
    told = response.pop("ResponseMetadata")
    assert told.keys() == {"RequestId", "HTTPStatusCode", "HTTPHeaders", "RetryAttempts"}
    assert (told["HTTPStatusCode"], told["RetryAttempts"]) == (200, 0)
    headers = told["HTTPHeaders"]
    assert headers["x-amzn-requestid"] == str(UUID(told["RequestId"])) == told["RequestId"]
    assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 60
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(msgspec.json.encode(response))


def test_the_details_of_a_ranking_have_each_animals_score_and_reasons(
    client: TestClient, user: str
) -> None:
    client.post("/v1/events", json=view(user, DOGS[0]))
    places = [
        {"itemId": name, "animalMetadata": metadata(group)}
        for name, group in (("a", "9-Unicorn-9-9"), ("b", DOGS[0]), ("c", CATS[0]), ("d", DOGS[0]))
    ]
    asked = {"userId": user, "itemMetadataList": places}
    full = client.post("/v1/rerankings?detail=full", json=asked).json()
    assert full["ranking"] == client.post("/v1/rerankings", json=asked).json()["ranking"]
    assert full["solutionVersion"].startswith("recommender-")
    animals = full["animals"]
    assert [one["id"] for one in animals] == full["ranking"] == ["b", "d", "c", "a"]
    assert [one["itemId"] for one in animals] == [DOGS[0], DOGS[0], CATS[0], "9-Unicorn-9-9"]
    assert sum(one["score"] for one in animals) == pytest.approx(1)
    assert animals[0]["score"] == animals[1]["score"] > animals[2]["score"]
    assert animals[0]["reasons"] == animals[1]["reasons"] != []
    assert animals[3]["reasons"] == []


def test_at_replays_a_moment_as_if_later_events_had_not_happened(
    client: TestClient, user: str
) -> None:
    noon = "2026-05-17T12:00:00Z"
    client.post("/v1/events", json=view(user, CATS[0], sentAt="2026-05-17T11:00:00Z"))
    then = recommend(client, "?detail=full", userId=user, at=noon)["recommendations"]
    ranked = rerank(client, [DOGS[0], CATS[0]], userId=user, at=1_779_019_200)["ranking"]
    for hour in ("12:00:01", "13:00:00"):
        client.post("/v1/events", json=view(user, DOGS[0], sentAt=f"2026-05-17T{hour}Z"))
    again = recommend(client, "?detail=full", userId=user, at=noon)["recommendations"]
    assert again == then
    assert rerank(client, [DOGS[0], CATS[0]], userId=user, at=1_779_019_200)["ranking"] == ranked
    assert recommend(client, userId=user)[0]["id"] != then[0]["id"]
    before = recommend(client, userId=user, at="2026-05-17T10:59:59Z")
    assert before == recommend(client, at="2026-05-17T10:59:59Z"), "nothing was known of them yet"


def test_an_explored_answer_tells_and_keeps_its_propensities(tmp_path: Any) -> None:
    from pawsonalize.app.asgi import build_app

    settings = msgspec.structs.replace(make_service(tmp_path), exploration_weight=0.5)
    with client_of(build_app(settings)) as client:
        answers = [recommend(client, "?detail=full", limit=5) for _ in range(20)]
    with closing(Database(settings.database)) as database:
        for answer in answers:
            shown = Impressions(database).get(answer["recommendationId"])
            assert shown is not None
            groups = answer["recommendations"]
            assert list(shown.item_ids) == [group["id"] for group in groups]
            assert list(shown.propensities or ()) == [group["propensity"] for group in groups]
            assert all(0 < group["propensity"] < 1 for group in groups)
    explored = [group["explored"] for answer in answers for group in answer["recommendations"]]
    assert {*explored} == {True, False}


def test_every_answer_is_kept_as_an_impression(tmp_path: Any) -> None:
    from pawsonalize.app.asgi import build_app

    settings = make_service(tmp_path)
    with client_of(build_app(settings)) as client:
        recommended = client.post("/v1/recommendations", json={"userId": "ann", "limit": 3})
        ranked = rerank(client, [DOGS[0], CATS[0]], sessionId="s-9", at="2026-05-17T12:00:00Z")
    database = Database(settings.database)
    table = Impressions(database)
    shown = table.get(recommended.headers["x-recommendation-id"])
    assert shown is not None
    assert (shown.question, shown.user_id, shown.session_id) == ("recommendation", "ann", None)
    assert list(shown.item_ids) == [group["id"] for group in recommended.json()]
    replayed = table.get(ranked["personalizeResponse"]["recommendationId"])
    assert isinstance(replayed, Impression)
    assert (replayed.question, replayed.session_id) == ("ranking", "s-9")
    assert list(replayed.item_ids) == ranked["ranking"]
    assert replayed.as_of == 1_779_019_200_000 < replayed.answered_at
    database.close()


def ranking(places: Any) -> dict[str, Any]:
    return {"userId": "ann", "itemMetadataList": places}


def place(item_id: Any, **changes: str) -> dict[str, Any]:
    return {"itemId": item_id, "animalMetadata": metadata(CATS[0]) | changes}


def test_a_wrong_question_is_refused_by_the_path_of_its_field(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[str, Any, str]] = [
        ("recommendations", {"limit": 0}, "limit"),
        ("recommendations", {"limit": 501}, "limit"),
        ("recommendations", {"limit": -1}, "limit"),
        ("recommendations", {"limit": 10**30}, "limit"),
        ("recommendations", {"limit": 1.5}, "limit"),
        ("recommendations", {"limit": "ten"}, "limit"),
        ("recommendations", {"limit": None}, "limit"),
        ("recommendations", {"userId": ""}, "userId"),
        ("recommendations", {"userId": []}, "userId"),
        ("recommendations", {"userId": "\x00"}, "userId"),
        ("recommendations", {"sessionId": "x" * 257}, "sessionId"),
        ("recommendations", {"at": "then"}, "at"),
        ("recommendations", {"at": 10**20}, "at"),
        ("recommendations", {"filter": 7}, "filter"),
        ("rerankings", {"userId": "ann"}, "itemMetadataList"),
        ("rerankings", {"itemMetadataList": []}, "userId"),
        ("rerankings", ranking([]), "itemMetadataList"),
        ("rerankings", ranking({}), "itemMetadataList"),
        ("rerankings", ranking(["a"]), "itemMetadataList[0]"),
        ("rerankings", ranking([{"itemId": "a"}]), "itemMetadataList[0].animalMetadata"),
        (
            "rerankings",
            ranking([place("a"), place("b", animal_size_id="1-2")]),
            "itemMetadataList[1].animalMetadata.animal_size_id",
        ),
        ("rerankings", ranking([place(" ")]), "itemMetadataList[0].itemId"),
        ("rerankings", ranking([place(7), place("7")]), "itemMetadataList[1].itemId"),
    ]
    for path, question, field in cases:
        with subtests.test(path=path, question=question, field=field):
            answer = client.post(f"/v1/{path}", json=question)
            assert answer.status_code == 400
            assert error_of(answer)["field"] == field


def test_what_is_like_something_that_is_no_group_is_refused_by_its_name(client: TestClient) -> None:
    answer = client.post("/v1/recommendations", json={"itemId": "nope"})
    assert (answer.status_code, error_of(answer)["field"]) == (400, "itemId")
    assert "nope" in error_of(answer)["message"]
    assert client.post("/v1/recommendations", json={"itemId": CATS[0]}).status_code == 200


def test_a_filter_nobody_made_is_not_found(client: TestClient) -> None:
    answer = client.post("/v1/recommendations", json={"filter": "puppies only"})
    assert answer.status_code == 404
    assert error_of(answer)["field"] == "filter"


def test_another_level_of_detail_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/recommendations?detail=some", json={})
    assert answer.status_code == 400
    assert error_of(answer)["field"] == "detail"


def test_unknown_fields_are_ignored(client: TestClient, user: str) -> None:
    assert recommend(client, "?zodiac=red", userId=user, numResults=3) == recommend(client)


def test_quiz_answers_move_the_first_page_to_matching_groups(client: TestClient) -> None:
    def first(**told: Any) -> list[str]:
        answer = client.post("/v1/recommendations", json={"limit": 5, **told}).json()
        return [group["id"] for group in answer]

    for species in (1, 2):
        found = first(preferences={"species": [species]})
        assert all(group.startswith(f"{species}-") for group in found[:3]), found
    assert first(context={"DEVICE": "mobile", "anything": 1}) == first()


def test_quiz_answers_stored_with_a_user_order_their_lists(client: TestClient, user: str) -> None:
    stored = client.put(
        f"/v1/users/{user}",
        json={"attributes": {"gender": "f"}, "preferences": {"species": ["1"], "kids": True}},
    )
    assert stored.status_code == 200
    kept = {"GENDER": "f", "PREFERRED_SPECIES": "1", "KIDS": "yes"}
    said_at = stored.json()["attributes"]["PREFERRED_AT"]
    assert stored.json() == {"userId": user, "attributes": {**kept, "PREFERRED_AT": said_at}}
    assert abs(said_at - clock.now()) < MINUTE
    assert client.get(f"/v1/users/{user}").json() == stored.json()
    listed = [{"itemId": group, "animalMetadata": metadata(group)} for group in (DOGS[0], CATS[0])]
    answer = client.post("/v1/rerankings", json={"userId": user, "itemMetadataList": listed})
    assert answer.json()["ranking"] == [CATS[0], DOGS[0]]


def test_what_a_user_cannot_have_is_refused(
    client: TestClient, user: str, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"preferences": {"size": ["1|2"]}}, "preferences.size"),
        ({"preferences": {"size": list(range(99))}}, "preferences.size"),
        ({"preferences": {"kids": "yes"}}, "preferences.kids"),
        ({"attributes": {"first name": "x"}}, "attributes"),
        ({"attributes": {"X": "y" * 2000}}, "attributes.X"),
        ({"attributes": {f"A{n}": "y" for n in range(99)}}, "attributes"),
    ]
    for body, field in cases:
        with subtests.test(body=body, field=field):
            answer = client.put(f"/v1/users/{user}", json=body)
            assert answer.status_code == 400
            assert answer.json()["error"]["field"] == field
            assert client.get(f"/v1/users/{user}").status_code == 404
