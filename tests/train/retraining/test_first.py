"""The first retraining begins by itself, once, and again where that may lead anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.times import DAY
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.train.retraining.runs import (
    MAX_BROKEN,
    RETRAINING,
    FirstRun,
    RunOutcome,
    Runs,
    Trigger,
    changes_of,
    read_record,
)
from tests.event_data import T0, event


@dataclass
class Campaign:
    """Serves a model, or none yet."""

    is_ready: bool = False


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    database = Database(f"sqlite:///{tmp_path / 'events.sqlite3'}")
    yield EventLog(database)
    database.close()


def add(log: EventLog, events: int) -> None:
    head = log.head()
    log.append([event(f"e{head + n}", at=n) for n in range(events)])


def end(rows: WorkTable, outcome: RunOutcome, known: int | None, now: int) -> None:
    """End whatever runs, as its worker would."""
    held = rows.open(RETRAINING)
    assert held is not None
    record = msgspec.structs.replace(
        read_record(held), outcome=outcome, log_offset=known, ended_at=now
    )
    assert rows.change(held.name, **changes_of(record))


def test_it_begins_once_there_is_enough_to_learn_from(runs: Runs, log: EventLog) -> None:
    servers = [FirstRun(runs, log, lambda: False, 100, T0) for _ in range(2)]
    add(log, 99)
    for server in servers:
        server.look(T0)
    assert runs.newest(9) == []
    add(log, 1)
    for place, server in enumerate(servers):
        server.look(T0 + place)
    assert [record.trigger for record in runs.newest(9)] == [Trigger.FIRST]


def test_events_of_other_dataset_groups_begin_no_training_of_a_log_without_any(
    runs: Runs, log: EventLog
) -> None:
    first = FirstRun(runs, log, lambda: False, 100, T0)
    log.append([replace(event(f"o{n}", at=n), dataset_group="other") for n in range(300)])
    add(log, 99)
    first.look(T0)
    assert runs.newest(9) == []
    add(log, 1)
    first.look(T0)
    assert [record.trigger for record in runs.newest(9)] == [Trigger.FIRST]


def test_a_live_model_needs_no_first_training_even_when_it_goes(runs: Runs, log: EventLog) -> None:
    campaign = Campaign(is_ready=True)
    first = FirstRun(runs, log, lambda: campaign.is_ready, 100, T0)
    add(log, 200)
    first.look(T0)
    campaign.is_ready = False
    first.look(T0)
    assert runs.newest(9) == []


def test_a_training_that_breaks_after_every_start_is_begun_so_often_and_no_more(
    runs: Runs, rows: WorkTable, log: EventLog
) -> None:
    add(log, 100)
    for start in range(MAX_BROKEN + 2):
        FirstRun(runs, log, lambda: False, 100, T0 + start * DAY).look(T0 + start * DAY)
        if rows.open(RETRAINING) is not None:
            end(rows, RunOutcome.FAILED, 100, T0 + start * DAY + 1)
    assert len(runs.newest(9)) == MAX_BROKEN
    add(log, 100)
    FirstRun(runs, log, lambda: False, 100, T0 + 9 * DAY).look(T0 + 9 * DAY)
    assert rows.open(RETRAINING) is not None, "twice as many events may do better"


@pytest.mark.parametrize(
    ("outcome", "restarts", "grows", "begins"),
    [
        (RunOutcome.NOT_PROMOTED, False, False, False),
        (RunOutcome.NOT_PROMOTED, True, False, False),
        (RunOutcome.NOT_PROMOTED, False, True, True),
        (RunOutcome.FAILED, False, False, False),
        (RunOutcome.FAILED, True, False, True),
        (RunOutcome.TIMED_OUT, True, False, True),
        (RunOutcome.CANCELLED, True, False, False),
    ],
)
def test_after_one_that_led_to_no_model_another_begins_where_it_may_lead_to_one(
    runs: Runs,
    rows: WorkTable,
    log: EventLog,
    outcome: RunOutcome,
    restarts: bool,
    grows: bool,
    begins: bool,
) -> None:
    add(log, 100)
    first = FirstRun(runs, log, lambda: False, 100, T0)
    first.look(T0)
    first.look(T0 + 1)
    end(rows, outcome, 100, T0 + DAY)
    if restarts:
        first = FirstRun(runs, log, lambda: False, 100, T0 + 2 * DAY)
    if grows:
        add(log, 100)
    first.look(T0 + 3 * DAY)
    assert len(runs.newest(9)) == 1 + begins
