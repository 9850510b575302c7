"""Live tests through the service: who is in one, what is logged, and how it is paused and ended."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.app import App
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.plugins.live_tests.rounds import read_now
from pawsonalize.plugins.live_tests.statistics import Verdict
from pawsonalize.plugins.live_tests.stored import LiveTests
from pawsonalize.recommend.live_tests import no_answers, read_mark
from pawsonalize.recommend.tables import Impression
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.service_data import CATS, DOGS, client_of, make_service, metadata
from tests.training import train

MANX, PUG = CATS[2], DOGS[4]
ANIMALS = [animal(f"{group}-{n}", group) for group in (*CATS, *DOGS) for n in range(4)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = make_service(tmp_path)
    with opened(settings) as adapters:
        adapters.animals.put(ANIMALS, T0)
        # The second version has learned that who looks at Manx cats looks at pugs.
        adapters.log.append(
            [
                event(
                    f"late {user} {at}", user=f"late {user}", session=None, item=item, at=2000 + at
                )
                for user in range(60)
                for at, item in enumerate((MANX, PUG) * 2)
            ]
        )
        train(adapters, T0 + 9000, name="plain")
    return settings


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        # In so small a world traits tell all; the models are to differ.
        recommender = services(client).animal_recommender
        recommender.settings = replace(recommender.settings, group_affinity=3.0)
        yield client


def services(client: TestClient) -> App:
    found: App = client.app.state.services  # type: ignore[attr-defined]
    return found


def begin(client: TestClient, **more: Any) -> dict[str, Any]:
    given = {"name": "spring", "second": "plain", **more}
    answer = client.post("/v1/live-tests", json=given)
    assert answer.status_code == 201, answer.text
    followed(client)
    test: dict[str, Any] = answer.json()
    return test


def followed(client: TestClient, *, runs: bool = True) -> None:
    """Wait until the process answers by the test, or by none."""
    for _ in range(600):
        if bool(services(client).running_tests.current) is runs:
            return
        time.sleep(0.05)
    raise AssertionError("the process did not follow")


def ask(client: TestClient, session: str = "s", **more: Any) -> tuple[str, list[str]]:
    body = {"sessionId": session, "of": "animals", "limit": 12, **more}
    answer = client.post("/v1/recommendations", json=body)
    assert answer.status_code == 200, answer.text
    ids = [place.get("id") or place["itemId"] for place in answer.json()]
    return answer.headers["X-Recommendation-Id"], ids


def logged(client: TestClient, name: str) -> Impression:
    for _ in range(600):
        if (found := services(client).impressions.get(name)) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{name} was not logged")


def test_an_arm_of_the_served_version_takes_no_memory_of_its_own(client: TestClient) -> None:
    begin(client)
    first, second = services(client).running_tests.current[RECOMMENDER].arms
    served = services(client).group_recommender.served
    assert first is not None
    assert first.model is served.model
    assert first.choices is served.choices
    assert second.version.name == "plain"


def teams_of(answer: Impression) -> tuple[int | None, ...]:
    name, teams = read_mark(answer.live_test or "")
    assert name == "spring"
    return teams


@pytest.mark.parametrize("of", ["animals", "groups"])
def test_both_arms_draft_each_page_and_the_log_has_their_places(
    client: TestClient, of: str
) -> None:
    live = begin(client)["arms"][0]["solutionVersion"]
    name, ids = ask(client, of=of, userId="seed 0")
    answer = logged(client, name)
    assert answer.solution_version == f"{live}+plain"
    teams = teams_of(answer)
    assert len(teams) == len(ids) == len(answer.propensities or ())
    assert abs(teams.count(0) - teams.count(1)) <= 1 <= teams.count(0)
    assert set(answer.propensities or ()) == {0.5, 1.0}
    odds = zip(answer.propensities or (), teams, strict=True)
    assert all(team is not None for chance, team in odds if chance < 1)


def test_a_list_to_be_ranked_is_drafted_and_may_be_tested_against_the_order_it_came_in(
    client: TestClient,
) -> None:
    begin(client, first="as-sent")
    ids = [one.animal_id for one in ANIMALS][::-1]
    groups = [*DOGS, *CATS]
    described = [{"itemId": one, "animalMetadata": metadata(one)} for one in groups]
    for of, listed in (("animals", ids), ("groups", groups)):
        listing = described if of == "groups" else [{"itemId": one} for one in listed]
        body = {"userId": "seed 0", "sessionId": "s", "of": of, "itemMetadataList": listing}
        found = client.post("/v1/rerankings", json=body)
        assert found.status_code == 200, found.text
        ranking = found.json()["ranking"]
        assert sorted(ranking) == sorted(listed)
        answer = logged(client, found.headers["X-Recommendation-Id"])
        teams = teams_of(answer)
        assert answer.solution_version == "as-sent+plain"
        assert {0, 1} <= set(teams)
        sent = [listed.index(one) for one, team in zip(ranking, teams, strict=True) if team == 0]
        assert sent == sorted(sent)  # what the site's order gave stays in that order
    name, _ = ask(client)
    assert logged(client, name).live_test is None  # nobody sent an order


def test_half_of_the_visitors_get_a_list_as_it_was_sent(client: TestClient) -> None:
    begin(client, first="as-sent", design="ab")
    ids = [one.animal_id for one in ANIMALS][::-1]
    seen = set()
    for number in range(12):
        listing = [{"itemId": one} for one in ids]
        body = {"sessionId": f"s{number}", "of": "animals", "itemMetadataList": listing}
        found = client.post("/v1/rerankings", json=body)
        answer = logged(client, found.headers["X-Recommendation-Id"])
        as_it_came = found.json()["ranking"] == ids
        assert (answer.solution_version == "as-sent") is as_it_came
        assert answer.live_test == f"spring:{int(not as_it_came)}"
        seen.add(as_it_came)
    assert seen == {True, False}


def test_a_visitor_keeps_the_arm_on_every_server_and_when_signing_in(
    client: TestClient, settings: Settings
) -> None:
    begin(client, design="ab", share=0.5)
    with client_of(build_app(settings)) as other:
        followed(other)
        arms = {}
        for number in range(24):
            session = f"session {number}"
            names = [
                ask(client, session)[0],
                ask(other, session, userId=f"user {number}")[0],
                ask(client, session, of="groups")[0],
            ]
            marks = {logged(client, name).live_test for name in names}
            assert len(marks) == 1
            arms[session] = marks.pop()
    assert set(arms.values()) == {None, "spring:0", "spring:1"}
    second = next(one for one, arm in arms.items() if arm == "spring:1")
    assert logged(client, ask(client, second)[0]).solution_version == "plain"


def test_nobody_is_in_a_test_that_is_paused_or_whom_nobody_knows(client: TestClient) -> None:
    begin(client)
    assert logged(client, ask(client)[0]).live_test is not None
    nameless = client.post("/v1/recommendations", json={"of": "animals"})
    assert logged(client, nameless.headers["X-Recommendation-Id"]).live_test is None
    assert client.post("/v1/live-tests/spring/pause").json()["state"] == "paused"
    followed(client, runs=False)
    assert logged(client, ask(client)[0]).live_test is None
    assert client.post("/v1/live-tests/spring/resume").json()["state"] == "running"
    followed(client)
    assert logged(client, ask(client)[0]).live_test is not None
    ended = client.post("/v1/live-tests/spring/stop").json()
    assert (ended["state"], ended["reason"]) == ("ended", "you stopped it")
    followed(client, runs=False)
    assert logged(client, ask(client)[0]).live_test is None
    again = client.post("/v1/live-tests/spring/pause")
    assert again.status_code == 409


class BrokenModel:
    """A model that raises whenever it is to score."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("score", "counted")):
            raise RuntimeError("this model is broken")
        return getattr(self._model, name)


def break_arm(client: TestClient, arm: int) -> None:
    loaded = services(client).running_tests.current[RECOMMENDER].arms[arm]
    assert loaded is not None
    object.__setattr__(loaded, "model", BrokenModel(loaded.model))


@pytest.mark.parametrize("of", ["animals", "groups"])
@pytest.mark.parametrize("design", ["ab", "interleave"])
def test_where_an_arm_fails_the_campaign_answers_and_the_failure_is_counted(
    client: TestClient, design: str, of: str
) -> None:
    live = begin(client, design=design)["arms"][0]["solutionVersion"]
    break_arm(client, 1)
    names = [ask(client, f"s{number}", of=of)[0] for number in range(12)]
    answers = [logged(client, name) for name in names]
    assert {one.solution_version for one in answers} == {live}
    marks = [one.live_test for one in answers]
    first, second = services(client).running_tests.current[RECOMMENDER].answers
    assert first.failed == 0
    assert first.milliseconds > 0
    assert second.answered == 0
    assert set(marks) == ({"spring:0", None} if design == "ab" else {None})
    assert second.failed == marks.count(None)
    assert (first.answered, 12) == (12 - second.failed * (design == "ab"), len(answers))


def test_what_servers_count_is_stored_and_added_up(client: TestClient) -> None:
    begin(client, design="ab")
    for number in range(6):
        ask(client, f"s{number}")
    app = services(client)
    test = LiveTests(app.database).get("spring")
    for _ in range(2):  # a server stores its counts again and again
        for server in ("one", "two"):
            counts = app.running_tests.current[RECOMMENDER].answers
            LiveTests(app.database).put_answers(test, server, counts)
    first, second = LiveTests(app.database).answers("spring")
    assert first.answered + second.answered == 12
    client.post("/v1/live-tests/spring/stop")
    assert LiveTests(app.database).answers("spring") == no_answers()


def test_the_console_shows_a_test_and_asks_before_it_is_stopped(client: TestClient) -> None:
    begin(client)
    page = client.get("/console/models/live-tests").text
    assert "Nothing is known yet: it is read once an hour." in page
    assert "Pause" in page
    assert "against=plain&amp;datasetGroup=pawsonalize" in page
    asked = {"name": "spring", "action": "stop"}
    assert "It ends for good" in client.get("/console/models/live-tests/act", params=asked).text
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    done = client.post("/console/models/live-tests/act", data=asked, headers=form)
    assert "The live test spring is ended." in done.text
    assert "It ended: you stopped it." in done.text


def test_the_page_goes_on_and_repeats_as_it_does_without_a_test(client: TestClient) -> None:
    begin(client)
    first, ids = ask(client, userId="seed 0")
    second, more = ask(client, userId="seed 0", continues=[first])
    assert len({*ids, *more}) == 24
    assert ask(client, userId="seed 0", repeats=[first]) == (first, ids)
    assert {len(teams_of(logged(client, one))) for one in (first, second)} == {12}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"second": "nothing"}, "there is no solution version named nothing"),
        ({"name": "two words"}, "is no name of a live test"),
        ({"days": 10}, "whole weeks such as 14"),
        ({"second": "as-sent"}, "as-sent can be the first arm alone"),
        ({"secondExploration": 0.3}, "use the design ab"),
        ({"campaign": "unknown"}, "unknown"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    client: TestClient, given: dict[str, Any], error: str
) -> None:
    answer = client.post("/v1/live-tests", json={"name": "spring", "second": "plain", **given})
    assert answer.status_code in {400, 404}
    assert error in answer.json()["error"]["message"]
    assert client.get("/v1/live-tests").json() == {"liveTests": []}


def test_an_arm_may_be_another_campaign_with_its_settings(
    client: TestClient, settings: Settings
) -> None:
    with opened(settings) as adapters:
        wild = Campaign(name="wild", solution=RECOMMENDER, exploration_weight=0.9)
        adapters.campaigns.create(wild, "plain", T0)
        refused = client.post("/v1/live-tests", json={"name": "spring", "second": "wild"})
        assert "use the design ab" in refused.json()["error"]["message"]
        arms = begin(client, second="wild", design="ab")["arms"]
        assert arms[1] == {"solutionVersion": "plain", "explorationWeight": 0.9}
        first, second = services(client).running_tests.current[RECOMMENDER].arms
        assert first is not None
        assert first.settings.exploration_weight != 0.9
        assert second.settings.exploration_weight == 0.9
        explored = {
            one.live_test: min(one.propensities or ())
            for one in (logged(client, ask(client, f"s{number}")[0]) for number in range(12))
        }
        assert explored["spring:1"] < 0.9 <= explored["spring:0"]
        client.post("/v1/live-tests/spring/promote")
        promoted = adapters.campaigns.get(RECOMMENDER)
        assert (promoted.target_version, promoted.exploration_weight) == ("plain", 0.9)


def test_settings_of_one_version_are_compared_and_named(client: TestClient) -> None:
    live = services(client).group_recommender.served.version.name
    begin(client, second=live, firstExploration=0.0, secondExploration=0.5, design="ab")
    first, second = services(client).running_tests.current[RECOMMENDER].arms
    assert first is not None
    assert [one.settings.exploration_weight for one in (first, second)] == [0.0, 0.5]
    assert first.model is second.model
    assert "exploration weight 0.5" in second_title(client)


def second_title(client: TestClient) -> str:
    return LiveTests(services(client).database).get("spring").arms[1].title


def test_a_campaign_has_one_test_at_a_time_and_names_are_given_once(client: TestClient) -> None:
    begin(client)
    given = {"name": "summer", "second": "plain"}
    second = client.post("/v1/live-tests", json=given)
    assert second.status_code == 409
    assert "campaign recommender has the live test spring" in second.json()["error"]["message"]
    client.post("/v1/live-tests/spring/stop")
    again = client.post("/v1/live-tests", json={**given, "name": "spring"})
    assert "there was a live test spring" in again.json()["error"]["message"]
    assert client.post("/v1/live-tests", json=given).status_code == 201


def test_a_version_against_itself_is_through_the_whole_service_neither_better_nor_worse(
    client: TestClient,
) -> None:
    live = services(client).group_recommender.served.version.name
    begin(client, first=live, second=live, design="ab", metric="view")
    names = {}
    for number in range(80):
        session = f"visitor {number}"
        names[session], ids = ask(client, session)
        if number % 4:  # three of four look at the first animal
            seen = {
                "sessionId": session,
                "eventType": "view",
                "animal_id": ids[0],
                "recommendationId": names[session],
            }
            took = client.post("/v1/events", json=seen)
            assert took.status_code == 202, took.text
    for name in names.values():
        logged(client, name)
    with opened(services(client).settings) as adapters:
        reading = read_now(adapters, LiveTests(adapters.database).get("spring"), clock.now())
    assert reading.verdict in {Verdict.NOT_KNOWN, Verdict.EQUAL_ENOUGH}
    assert reading.notes == ()
    assert reading.low is not None
    assert reading.high is not None
    assert reading.low < 0 < reading.high
    assert sum(reading.units) == 80
    assert 22 <= reading.units[0] <= 58  # less likely than once in 10,000 if arms are halves
    counts = services(client).running_tests.current[RECOMMENDER].answers
    assert tuple(one.answered for one in counts) == reading.units
