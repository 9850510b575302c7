"""Refused events are kept as long as there is room, and never cost an answer."""

from collections.abc import Iterator, Sequence

import pytest

from pawsonalize.core import clock
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.journal import ProblemTable
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.work.problems import Deliveries, Outbox, Problems
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.keeping import LARGEST, USUAL_BYTES, Refusals
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from tests import event_loop
from tests.event_data import T0

MOST = 4


class Kept:
    def __init__(self, database: Database, table: DeadLetters) -> None:
        self.table = table
        self.problems = Problems(
            ProblemTable(database), Outbox(Deliveries(WorkTable(database)), []), 0
        )
        self.lost: list[int] = []
        self.refusals = Refusals(table, self.problems, MOST)

    def keep(self, *raws: bytes) -> None:
        letters = [DeadLetter(HTTP, "pawsonalize", T0, raw, code="c", message="m") for raw in raws]
        if lost := event_loop.run(self.refusals.keep(letters)):
            self.lost.append(lost)


@pytest.fixture
def kept(database: Database) -> Iterator[Kept]:
    kept = Kept(database, DeadLetters(database))
    yield kept
    kept.refusals.close()


def test_what_fits_is_kept_and_what_does_not_is_counted_and_a_problem(kept: Kept) -> None:
    kept.keep(b"a", b"b", b"c")
    assert (kept.table.waiting(), kept.lost, kept.problems.standing(clock.now())) == (3, [], [])
    kept.keep(b"d", b"e", b"f")
    assert (kept.table.waiting(), kept.lost) == (4, [2])
    assert "max_dead_letters" in kept.problems.standing(clock.now())[0].message


def test_few_large_ones_fill_it_too(kept: Kept) -> None:
    kept.keep(b"x" * (MOST * USUAL_BYTES), b"y")
    assert (kept.table.waiting(), kept.lost) == (1, [1])


def test_what_is_huge_is_not_kept(kept: Kept) -> None:
    kept.keep(b"x" * (LARGEST + 1), b"y")
    assert (kept.table.waiting(), kept.lost) == (1, [1])


def test_letters_of_streams_count_though_they_are_always_kept(kept: Kept) -> None:
    kept.table.keep(
        [
            DeadLetter("nats://a/B", "g", T0, b"", code="c", message="m", position=f"0/{n}")
            for n in range(MOST + 1)
        ]
    )
    kept.keep(b"a")
    assert (kept.table.waiting(), kept.lost) == (MOST + 1, [1])


def test_a_table_that_cannot_be_written_costs_no_answer(database: Database) -> None:
    class Broken(DeadLetters):
        def keep(self, letters: Sequence[DeadLetter]) -> int:
            raise StorageUnavailable("the disk is full")

    kept = Kept(database, Broken(database))
    kept.keep(b"a", b"b")
    assert kept.lost == [2]
    kept.refusals.close()
    kept.keep(b"c")
    assert kept.lost == [2, 1], "nor does one that is closed"
