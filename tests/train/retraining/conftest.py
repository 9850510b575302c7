"""Tables for workflow runs, and a clock that only moves when somebody sleeps or pushes it."""

from dataclasses import dataclass, field

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.train.retraining.runs import Runs
from tests.event_data import T0


@dataclass
class SteppedClock:
    """Time for a worker; what is in `on_sleep` happens once, in its first sleep."""

    moment: int = T0
    slept: float = 0.0
    on_sleep: list[object] = field(default_factory=list)

    def now(self) -> int:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.moment += int(seconds * 1000)
        while self.on_sleep:
            happening = self.on_sleep.pop(0)
            assert callable(happening)
            happening()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def rows(database: Database) -> WorkTable:
    return WorkTable(database)


@pytest.fixture
def runs(rows: WorkTable) -> Runs:
    return Runs(rows, {})
