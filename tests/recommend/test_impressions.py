"""Impressions are kept, and never in anybody's way."""

import threading
from collections.abc import Sequence

import pytest

from pawsonalize.core.errors import PawsonalizeError, StorageUnavailable
from pawsonalize.recommend import exploration as module
from pawsonalize.recommend.exploration import ImpressionLog
from pawsonalize.recommend.tables import Impression, Impressions
from tests.waiting import wait_until


def shown(name: str) -> Impression:
    return Impression(name, "ranking", "ann", None, 1, 1, "v1", ("a",))


class Table(Impressions):
    """Keeps what is appended, unless it is told to fail; `open` lets appends through."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.batches: list[list[str]] = []
        self.open = threading.Event()
        self.open.set()

    def append(self, batch: Sequence[Impression]) -> None:
        self.open.wait(10)
        if batch and self.failures:
            raise self.failures.pop(0)
        if batch:
            self.batches.append([one.recommendation_id for one in batch])

    @property
    def kept(self) -> list[str]:
        return [name for batch in self.batches for name in batch]


def test_impressions_are_written_in_the_background_many_at_a_time() -> None:
    table = Table()
    log = ImpressionLog(table)
    for n in range(100):
        log.add(shown(f"{n}"))
    wait_until(lambda: len(table.kept) == 100)
    assert table.kept == [f"{n}" for n in range(100)]
    assert len(table.batches) < 10
    log.close()


def test_close_writes_what_waits() -> None:
    table = Table()
    log = ImpressionLog(table)
    log.add(shown("last"))
    log.close()
    assert table.kept == ["last"]


def test_a_slow_table_holds_up_nobody() -> None:
    table = Table()
    table.open.clear()
    log = ImpressionLog(table)
    for n in range(1000):
        log.add(shown(f"{n}"))
    assert table.kept == []
    table.open.set()
    log.close()
    assert len(table.kept) == 1000


@pytest.mark.parametrize(
    "failure", [StorageUnavailable("disk full"), PawsonalizeError("odd"), ValueError("bug")]
)
def test_a_failed_write_is_counted_as_lost_and_the_next_one_works(failure: Exception) -> None:
    table = Table(failure)
    log = ImpressionLog(table)
    log.add(shown("lost"))
    wait_until(lambda: log.lost == 1)
    log.add(shown("kept"))
    log.close()
    assert (table.kept, log.lost) == (["kept"], 1)


def test_beyond_its_bound_an_impression_is_lost_rather_than_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MAX_WAITING", 2)
    monkeypatch.setattr(module, "_LINGER_SECONDS", 10)
    table = Table()
    log = ImpressionLog(table)
    for name in "abc":
        log.add(shown(name))
    assert log.lost == 1
    with pytest.raises(StorageUnavailable, match="1 answers could not be logged"):
        log.report_lost()
    log.report_lost()  # it was said
    log.close()
    assert table.kept == ["a", "b"]
