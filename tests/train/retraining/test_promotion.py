"""Campaigns of winners are updated, and no other; what goes wrong with one is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.kind import Status
from pawsonalize.train.retraining.runs import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    Trigger,
    begun,
)
from pawsonalize.train.retraining.steps import PromotionSteps
from pawsonalize.train.retraining.worker import Later
from tests.event_data import T0
from tests.service_data import make_service
from tests.training import train

CHECKS = 5


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    """A small world in which nothing is served yet."""
    with opened(make_service(tmp_path / "data", train=False)) as adapters:
        yield adapters


@pytest.fixture
def promotion(adapters: Adapters) -> PromotionSteps:
    return PromotionSteps(adapters.campaigns, lambda _campaign, _now: None, 1.0, CHECKS)


@pytest.fixture
def winner(adapters: Adapters) -> RunRecord:
    """A run whose new version has won over nothing."""
    train(adapters, T0, name="new")
    return run(Half(campaign=RECOMMENDER, solution_version="new", decision={"promoted": True}))


def run(*halves: Half) -> RunRecord:
    return replaced(begun("retrain-1", Trigger.COMMAND, T0, T0, {}), halves=halves)


def replaced(record: RunRecord, **changes: object) -> RunRecord:
    return RunRecord(**{name: getattr(record, name) for name in record.__struct_fields__} | changes)


def advanced(done: RunRecord | Later) -> RunRecord:
    assert isinstance(done, RunRecord)
    return done


def settle(adapters: Adapters, now: int = T0) -> None:
    """What a server does that serves the update."""
    adapters.campaigns.settle(adapters.campaigns.get(RECOMMENDER), now)


def test_a_winner_is_asked_for_and_promoted_once_it_is_served(
    adapters: Adapters, promotion: PromotionSteps, winner: RunRecord
) -> None:
    asked = advanced(promotion.update(winner, T0))
    assert asked.step is Step.AWAIT_CAMPAIGNS
    later = promotion.await_all(asked, T0)
    assert isinstance(later, Later)
    assert later.record.halves[0].campaign_status == Status.CREATE_PENDING
    settle(adapters)
    done = advanced(promotion.await_all(later.record, T0))
    assert (done.halves[0].fate, done.outcome, done.step) == (
        Fate.PROMOTED,
        RunOutcome.PROMOTED,
        Step.NOTIFY,
    )


def test_the_update_is_asked_for_once_however_often_the_step_runs(
    adapters: Adapters, promotion: PromotionSteps, winner: RunRecord
) -> None:
    promotion.update(winner, T0)
    asked = adapters.campaigns.get(RECOMMENDER)
    promotion.update(winner, T0)
    assert adapters.campaigns.get(RECOMMENDER) == asked
    settle(adapters)
    served = adapters.campaigns.get(RECOMMENDER)
    promotion.update(winner, T0)
    assert adapters.campaigns.get(RECOMMENDER) == served


def test_without_a_winner_nothing_is_updated(adapters: Adapters, promotion: PromotionSteps) -> None:
    before = adapters.campaigns.get(RECOMMENDER)
    loser = Half(campaign=RECOMMENDER, solution_version="new", fate=Fate.NOT_PROMOTED)
    done = advanced(promotion.update(run(loser), T0))
    assert (done.outcome, done.step) == (RunOutcome.NOT_PROMOTED, Step.NOTIFY)
    assert adapters.campaigns.get(RECOMMENDER) == before


def test_a_campaign_that_was_pointed_elsewhere_meanwhile_is_left_alone(
    adapters: Adapters, promotion: PromotionSteps, winner: RunRecord
) -> None:
    train(adapters, T0, name="other")
    adapters.campaigns.update(RECOMMENDER, "other", T0)
    done = advanced(promotion.update(winner, T0))
    assert done.outcome is RunOutcome.FAILED
    assert "pointed at other" in done.halves[0].reason
    assert adapters.campaigns.get(RECOMMENDER).pending is not None
    settle(adapters)
    assert adapters.campaigns.get(RECOMMENDER).solution_version == "other"


def test_a_live_version_that_was_only_asked_for_when_compared_may_be_served_by_now(
    adapters: Adapters, promotion: PromotionSteps, winner: RunRecord
) -> None:
    train(adapters, T0, name="old")
    adapters.campaigns.update(RECOMMENDER, "old", T0)
    settle(adapters)
    half = winner.halves[0]
    compared = replaced(
        winner, halves=(Half(campaign=half.campaign, solution_version="new", live_version="old"),)
    )
    assert advanced(promotion.update(compared, T0)).step is Step.AWAIT_CAMPAIGNS


def test_a_version_that_no_server_takes_up_is_given_up_after_so_many_looks(
    adapters: Adapters, winner: RunRecord
) -> None:
    tried: list[str] = []
    promotion = PromotionSteps(
        adapters.campaigns, lambda name, _now: tried.append(name), 1.0, CHECKS
    )
    record: RunRecord | Later = promotion.update(winner, T0)
    looks = 0
    while isinstance(record, Later) or record.step is Step.AWAIT_CAMPAIGNS:
        record = promotion.await_all(record.record if isinstance(record, Later) else record, T0)
        looks += 1
    assert looks == CHECKS
    assert record.outcome is RunOutcome.FAILED
    assert tried, "where no server runs, the run serves for itself"


def test_a_version_that_cannot_be_served_fails_with_the_reason(
    adapters: Adapters, promotion: PromotionSteps, winner: RunRecord
) -> None:
    asked = advanced(promotion.update(winner, T0))
    adapters.campaigns.refuse(adapters.campaigns.get(RECOMMENDER), "the file is broken", T0)
    done = advanced(promotion.await_all(asked, T0))
    assert done.outcome is RunOutcome.FAILED
    assert "the file is broken" in done.reason


def test_the_fate_of_one_half_does_not_hold_up_the_other(
    adapters: Adapters, promotion: PromotionSteps, winner: RunRecord
) -> None:
    failed = Half(campaign="reranker", solution_version="x", fate=Fate.FAILED, reason="it broke")
    record = advanced(promotion.update(replaced(winner, halves=(*winner.halves, failed)), T0))
    settle(adapters)
    done = advanced(promotion.await_all(record, T0))
    assert done.halves[0].fate is Fate.PROMOTED
    assert done.outcome is RunOutcome.FAILED
    assert "it broke" in done.reason
