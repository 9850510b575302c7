"""What people are told of a run, once each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pawsonalize.core.database.database import Database
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.work.problems import Deliveries, Outbox
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.train.retraining.runs import Fate, Half, RunOutcome, RunRecord, Trigger, begun
from pawsonalize.train.retraining.steps import News
from tests.event_data import T0


@pytest.fixture
def deliveries(tmp_path: Path) -> Iterator[Deliveries]:
    database = Database(f"sqlite:///{tmp_path / 'news.sqlite3'}")
    yield Deliveries(WorkTable(database))
    database.close()


@pytest.fixture
def news(deliveries: Deliveries) -> News:
    return News(Outbox(deliveries, ["log"]))


def told(deliveries: Deliveries) -> dict[NotificationKind, Notification]:
    newest = [each.notification for each in deliveries.newest(99)]
    by_kind = {one.kind: one for one in newest}
    assert len(by_kind) == len(newest), "each once"
    return by_kind


def a_run(outcome: RunOutcome, *halves: Half, reason: str = "because") -> RunRecord:
    record = begun("retrain-1", Trigger.SCHEDULE, T0, T0, {})
    return replace(record, outcome=outcome, reason=reason, halves=halves)


WINNER = Half(
    campaign="recommender",
    solution_version="new",
    live_version="old",
    fate=Fate.PROMOTED,
    decision={"verdicts": [{"rule": "popularity", "outcome": "passed", "message": "by 0.1"}]},
)


def test_a_promotion_is_told_with_the_gates_table(deliveries: Deliveries, news: News) -> None:
    for _ in range(2):  # as after a crash
        ended = news.how_it_ended(a_run(RunOutcome.PROMOTED, WINNER), T0 + 5)
    assert ended.ended_at == T0 + 5
    kinds = told(deliveries)
    assert set(kinds) == {NotificationKind.PROMOTED, NotificationKind.CAMPAIGN_UPDATED}
    assert kinds[NotificationKind.PROMOTED].subject == "Retrained: recommender went live"
    assert kinds[NotificationKind.PROMOTED].run_id == "retrain-1"
    rules = kinds[NotificationKind.PROMOTED].details["recommender"]["rules"]
    assert rules == [{"rule": "popularity", "outcome": "passed", "message": "by 0.1"}]


def test_a_machine_that_is_too_slow_is_told_apart(deliveries: Deliveries, news: News) -> None:
    slow = replace(WINNER, campaign_warning="this machine scores 3 contexts a second")
    news.how_it_ended(a_run(RunOutcome.PROMOTED, slow), T0)
    assert "3 contexts" in told(deliveries)[NotificationKind.CAPACITY_WARNING].text


@pytest.mark.parametrize("outcome", RunOutcome)
def test_every_outcome_is_told_in_its_own_kind_with_the_reason(
    deliveries: Deliveries, news: News, outcome: RunOutcome
) -> None:
    news.how_it_ended(a_run(outcome), T0)
    kinds = told(deliveries)
    assert set(kinds) == {NotificationKind(outcome.value)}
    assert "because" in kinds[NotificationKind(outcome.value)].text


def test_warnings_about_the_data_are_told_too(deliveries: Deliveries, news: News) -> None:
    findings = ({"severity": "warning", "message": "4 visitors look like bots"},)
    news.how_it_ended(replace(a_run(RunOutcome.SKIPPED), findings=findings), T0)
    assert "look like bots" in told(deliveries)[NotificationKind.SKIPPED].text


def test_other_dataset_groups_are_named_and_a_failure_in_part_says_what_went_live(
    deliveries: Deliveries, news: News
) -> None:
    elsewhere = replace(WINNER, campaign="cats", solution="cats", dataset_group="shelter-b")
    broken = Half(campaign="dogs", solution_version="dogs-1", fate=Fate.FAILED, reason="it broke")
    news.how_it_ended(a_run(RunOutcome.FAILED, elsewhere, broken), T0)
    failed = told(deliveries)[NotificationKind.FAILED]
    assert failed.subject == ("Retraining failed in part: cats (dataset group shelter-b) went live")
    assert failed.details["cats"]["dataset_group"] == "shelter-b"
    updated = told(deliveries)[NotificationKind.CAMPAIGN_UPDATED]
    assert updated.subject == "Campaign cats (dataset group shelter-b) updated"


def test_what_is_wrong_with_the_data_says_in_which_dataset_group(
    deliveries: Deliveries, news: News
) -> None:
    finding = {"severity": "warning", "message": "4 look like bots", "dataset_group": "shelter-b"}
    news.how_it_ended(replace(a_run(RunOutcome.SKIPPED), findings=(finding,)), T0)
    assert (
        "dataset group shelter-b: 4 look like bots"
        in told(deliveries)[NotificationKind.SKIPPED].text
    )


def test_only_what_is_trained_is_said_to_be_trained(deliveries: Deliveries, news: News) -> None:
    skipped = Half(campaign="dogs", solution_version="", fate=Fate.SKIPPED)
    open_ones = [
        replace(WINNER, campaign=name, solution_version=f"{name}-1", fate=Fate.OPEN)
        for name in ("a", "b", "c")
    ]
    news.training_started(a_run(RunOutcome.PROMOTED, *open_ones, skipped), T0)
    assert (
        told(deliveries)[NotificationKind.TRAINING_STARTED].text
        == "retrain-1 trains a-1, b-1 and c-1."
    )
