"""A scorer behind HTTP answers for visitors, is judged, and costs its time limit if it fails."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import EngineUnavailable, InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.plugins.http_scorer import scoring
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.groups import Answer, GroupRecommender
from pawsonalize.recommend.live_model import FALLBACK, LiveModel
from pawsonalize.recommend.query import Query
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import Solution, SolutionVersion
from tests.plugins.http_scorer.scorer_server import ScorerServer, scorer_server
from tests.service_data import CATS, DOGS, client_of, make_service
from tests.training import train

_SECONDS = 0.15


@dataclass
class Driving:
    """A service, open in this process, whose recommender is the scorer."""

    adapters: Adapters
    server: ScorerServer
    version: SolutionVersion
    live: LiveModel

    def recommend(self, user: str = "seed 0", limit: int = 3) -> Answer:
        filtering = Filtering(self.adapters.log, self.adapters.catalogue)
        recommender = GroupRecommender(filtering, self.live, None)
        now = clock.now()
        return recommender.recommend(Query(Visitor(user), now, now, limit=limit))


@pytest.fixture
def server() -> Iterator[ScorerServer]:
    with scorer_server() as server:
        yield server


@pytest.fixture
def settings(server: ScorerServer, tmp_path: Path) -> Settings:
    return make_service(tmp_path, http_scorer_url=server.url, http_scorer_seconds=_SECONDS)


@pytest.fixture
def driving(server: ScorerServer, settings: Settings) -> Iterator[Driving]:
    with opened(settings) as adapters:
        version = train(adapters, clock.now(), recipe="http-scorer")
        adapters.campaigns.update(RECOMMENDER, version.name, clock.now())
        live = adapters.live_models()[RECOMMENDER]
        assert live.refresh(clock.now())
        yield Driving(adapters, server, version, live)


def counted(outcome: str) -> float:
    name = "pawsonalize_http_scorer_questions_total"
    return REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0


def test_the_scorer_gets_user_events_and_items_and_orders_them(driving: Driving) -> None:
    driving.server.asked.clear()
    catalogue = driving.live.current.model.item_ids
    answer = driving.recommend(limit=len(catalogue))
    assert answer.solution_version == driving.version.name
    ids = [one.item_id for one in answer.items]
    assert ids == sorted(catalogue, reverse=True)
    assert sum(one.score for one in answer.items) == pytest.approx(1)
    (asked,) = driving.server.asked  # once, though score and reasons are both wanted
    assert asked["userId"] == "seed 0"
    assert asked["events"][0].keys() == {"itemId", "eventType", "sentAt", "eventValue"}
    assert asked["events"][0]["itemId"] in CATS + DOGS
    assert sorted(asked["items"]) == sorted(catalogue)


@pytest.mark.parametrize(
    ("mood", "outcome"),
    [
        ("hangs", "late"), ("drips", "late"), ("breaks", "failed"), ("error", "failed"),
        ("endless", "failed"), ("short", "wrong"), ("unknown", "wrong"), ("nan", "wrong"),
        ("null", "wrong"), ("negative", "wrong"), ("huge", "wrong"), ("html", "wrong"),
        ("bytes", "wrong"),
    ],
)  # fmt: skip
def test_a_scorer_that_hangs_lies_or_breaks_costs_its_time_limit_and_no_answer(
    driving: Driving, mood: str, outcome: str
) -> None:
    driving.server.mood = mood
    before, questions = counted(outcome), []
    with capture_logs() as lines:
        for user in ("seed 0", "seed 1", "seed 2", "seed 3", "seed 4"):
            began = time.monotonic()
            answer = driving.recommend(user)
            questions.append(time.monotonic() - began)
            assert answer.solution_version == FALLBACK
            assert len(answer.items) == 3
    assert max(questions) < _SECONDS + 0.5  # of a busy machine
    assert counted(outcome) - before == 3  # then nobody asks for a while
    (line,) = [one for one in lines if one["event"] == "scorer fails"]
    assert line["log_level"] == "warning"
    assert "the scorer at http://127.0.0.1" in (driving.live.fault or "")
    assert "popular groups answer in place of the model" in (driving.live.fault or "")


def test_a_scorer_that_died_is_asked_again_after_a_rest(
    driving: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    driving.server.mood = "breaks"
    for user in ("a", "b", "c"):
        driving.recommend(user)
    asked = len(driving.server.asked)
    driving.server.mood = "well"
    assert driving.recommend("d").solution_version == FALLBACK
    assert len(driving.server.asked) == asked
    rests = counted("resting")
    model = driving.live.current.model
    assert isinstance(model, scoring.ScoredModel)
    monkeypatch.setattr(model._scorer, "_rests_until", 0.0)  # as if the rest were over
    assert driving.recommend("e").solution_version == driving.version.name
    assert driving.live.fault is None
    assert counted("resting") == rests >= 1


def test_few_wait_for_a_scorer_that_hangs_and_the_others_do_not(driving: Driving) -> None:
    model = driving.live.current.model
    assert isinstance(model, scoring.ScoredModel)
    driving.server.mood = "hangs"
    held = [model._scorer._free.acquire(blocking=False) for _ in range(8)]
    assert all(held)
    before, began = counted("busy"), time.monotonic()
    assert driving.recommend().solution_version == FALLBACK
    assert time.monotonic() - began < _SECONDS
    assert counted("busy") == before + 1


def test_a_training_asks_once_and_fails_with_the_reason(
    settings: Settings, server: ScorerServer
) -> None:
    server.mood = "html"
    with opened(settings) as adapters:
        with pytest.raises(EngineUnavailable, match=r"the scorer at http://127\.0\.0\.1"):
            train(adapters, clock.now(), recipe="http-scorer", name="v")
        failed = adapters.versions.get("v")
        assert failed.status is Status.CREATE_FAILED
        assert "JSON is malformed" in (failed.failure_reason or "")


def test_without_a_scorer_the_recipe_says_which_setting_is_missing(tmp_path: Path) -> None:
    wrong = pytest.raises(InvalidInput, match="http_scorer_url: set it")
    with opened(make_service(tmp_path)) as adapters, wrong:
        train(adapters, clock.now(), recipe="http-scorer")


def test_the_gate_asks_the_scorer_with_the_users_of_held_out_events(driving: Driving) -> None:
    driving.server.asked.clear()
    judged = driving.adapters.gate.judge(driving.version, None, clock.now())
    assert judged is not None
    evidence, _ = judged
    assert evidence is not None
    assert evidence.recipe == "http-scorer"
    assert evidence.baselines
    assert {one["userId"] for one in driving.server.asked} <= set(
        driving.adapters.log.user_ids("", 99)
    )
    assert None not in {one["userId"] for one in driving.server.asked}
    driving.server.mood = "hangs"  # a verdict on the stand-in would be none on the scorer
    with pytest.raises(EngineUnavailable, match="no answer within"):
        driving.adapters.gate.judge(driving.version, None, clock.now())


def test_another_engine_beside_it_is_refused(
    server: ScorerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAWSONALIZE_ENGINE", "amazon-personalize")
    with pytest.raises(InvalidInput, match=r"engine is amazon-personalize.*: leave one out"):
        load_settings({"http_scorer_url": server.url})


def test_answers_of_others_do_not_wait_beside_a_scorer_that_hangs(
    server: ScorerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_FAILURES", 10**9)  # it is asked again and again
    settings = make_service(tmp_path, http_scorer_url=server.url, http_scorer_seconds=1.0)
    with opened(settings) as adapters:
        mine = Solution(name="mine", dataset_group="pawsonalize", recipe="http-scorer")
        adapters.registry.create(mine, clock.now())
        version = train(adapters, clock.now(), solution="mine")
        campaign = Campaign(name="mine", solution="mine")
        adapters.campaigns.create(campaign, version.name, clock.now())
    with client_of(build_app(settings)) as client, ThreadPoolExecutor(12) as threads:
        ask = partial(client.post, "/v1/recommendations/detailed")
        assert (
            ask(json={"userId": "u", "campaign": "mine"}).json()["solutionVersion"] == version.name
        )
        server.mood = "hangs"
        waiting = [
            threads.submit(ask, json={"userId": f"u{n}", "campaign": "mine"}) for n in range(12)
        ]
        while len(server.asked) < 6:
            time.sleep(0.01)
        began = time.monotonic()
        for number in range(5):
            answer = ask(json={"userId": f"seed {number}"}).json()
            assert answer["solutionVersion"].startswith("recommender")
        seconds = time.monotonic() - began
        found = {one.result().json()["solutionVersion"] for one in waiting}
    assert found == {FALLBACK}
    assert seconds < 0.9  # for five of them, and each scorer's second still goes on
