"""Each campaign of a run has a fate of its own; together they are the run's outcome."""

import pytest

from pawsonalize.core.errors import Conflict, InvalidInput, StorageUnavailable
from pawsonalize.core.work.tables import Work
from pawsonalize.train.retraining.runs import (
    MAX_ERRORS,
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Trigger,
    attempt_half,
    begun,
    conclude,
    read_record,
)
from tests.event_data import T0

HALF = Half(campaign="cats", solution_version="cats-1", dataset_group="shelter-b")


def run(*halves: Half) -> RunRecord:
    record = begun("retrain-1", Trigger.COMMAND, T0, T0, {})
    return RunRecord(
        **{name: getattr(record, name) for name in record.__struct_fields__} | {"halves": halves}
    )


def raising(error: Exception) -> Half:
    def work(_half: Half) -> Half:
        raise error

    return attempt_half(HALF, work)


def half(campaign: str, fate: Fate, reason: str = "") -> Half:
    return Half(campaign=campaign, solution_version="v", fate=fate, reason=reason)


def test_wrong_input_fails_a_campaign_at_once() -> None:
    failed = raising(InvalidInput("there is no setting x"))
    assert (failed.fate, failed.reason) == (Fate.FAILED, "there is no setting x")


@pytest.mark.parametrize("error", [Conflict("meanwhile"), ValueError("nobody foresaw")])
def test_what_may_pass_is_tried_again_but_not_forever(error: Exception) -> None:
    def work(_half: Half) -> Half:
        raise error

    tried = HALF
    for _ in range(MAX_ERRORS):
        assert tried.fate is Fate.OPEN
        tried = attempt_half(tried, work)
    assert tried.fate is Fate.FAILED
    assert len(tried.errors) == MAX_ERRORS


def test_storage_that_cannot_be_reached_is_no_campaigns_fault() -> None:
    with pytest.raises(StorageUnavailable):
        raising(StorageUnavailable("the disk is full"))


@pytest.mark.parametrize(
    ("fates", "outcome"),
    [
        ((Fate.PROMOTED, Fate.FAILED, Fate.SKIPPED), RunOutcome.FAILED),
        ((Fate.NOT_PROMOTED, Fate.PROMOTED, Fate.SKIPPED), RunOutcome.PROMOTED),
        ((Fate.NOT_PROMOTED, Fate.SKIPPED), RunOutcome.NOT_PROMOTED),
        ((Fate.SKIPPED, Fate.SKIPPED), RunOutcome.SKIPPED),
    ],
)
def test_the_fates_add_up_to_the_outcome(fates: tuple[Fate, ...], outcome: RunOutcome) -> None:
    halves = (half(f"campaign-{n}", fate, str(fate)) for n, fate in enumerate(fates))
    assert conclude(run(*halves)).outcome is outcome


def test_a_reason_is_said_once_with_whom_it_is_about_and_where() -> None:
    failed = HALF.__class__(
        campaign="cats",
        solution_version="v",
        dataset_group="shelter-b",
        fate=Fate.FAILED,
        reason="it broke",
    )
    record = conclude(
        run(half("a", Fate.PROMOTED, "better"), half("b", Fate.PROMOTED, "better"), failed)
    )
    assert record.reason == "a, b: better cats (dataset group shelter-b): it broke"


def test_records_of_runs_that_knew_one_dataset_group_are_still_read() -> None:
    old = (
        '{"run_id":"retrain-0","trigger":"schedule","as_of":1,"started_at":1,"step":"evaluate",'
        '"halves":[{"campaign":"recommender","solution_version":"recommender-0","trainings":1}],'
        '"steps":[{"step":"check-data","began_at":1,"ended_at":2}]}'
    )
    record = read_record(Work("retraining.retrain-0", payload=old))
    (only,) = record.open_halves()
    assert (only.campaign, only.solution, only.dataset_group) == ("recommender", "", "")
