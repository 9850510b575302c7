"""What the site says before the first model is what is so at that moment."""

from pathlib import Path

import msgspec

from pawsonalize.core.database.database import Database
from pawsonalize.core.times import DAY
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.plugins.demo.site import Learning
from pawsonalize.train.retraining.runs import (
    RETRAINING,
    FirstRun,
    RunOutcome,
    Runs,
    Step,
    changes_of,
    read_record,
)
from tests.event_data import T0, event
from tests.train.retraining.test_first import end


def test_it_says_what_is_missing_what_goes_on_and_what_came_of_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'tables.sqlite3'}")
    log, rows = EventLog(database), WorkTable(database)
    runs = Runs(rows, {})
    first = FirstRun(runs, log, lambda: False, 2, T0)
    learning = Learning(log, runs, first)
    log.append([event("e1")])
    assert "there is 1 event, and the first training begins with 2." in learning.in_words()
    log.append([event("e2")])
    assert "The first training is about to begin." in learning.in_words()
    first.look(T0)
    assert "looking through the events (step 1 of 4), from 2 events." in learning.in_words()
    held = rows.open(RETRAINING)
    assert held is not None
    training = msgspec.structs.replace(read_record(held), step=Step.AWAIT_VERSIONS)
    assert rows.change(held.name, **changes_of(training))
    assert "The first is learning (step 2 of 4), from 2 events." in learning.in_words()
    end(rows, RunOutcome.NOT_PROMOTED, 2, T0 + DAY)
    assert "The last training led to none: " in learning.in_words()
    database.close()
