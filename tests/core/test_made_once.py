"""Parts that are made when they are first used, whichever thread asks."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, RLock

from pawsonalize.core.late import made_once


class Whole:
    def __init__(self) -> None:
        self.making = RLock()
        self.made = 0

    @made_once
    def part(self) -> int:
        self.made += 1
        time.sleep(0.01)
        return self.made

    @made_once
    def other(self) -> int:
        return self.part + 1


def test_a_part_that_many_threads_ask_for_at_once_is_made_once() -> None:
    whole, start = Whole(), Barrier(8)

    def ask(_place: int) -> int:
        start.wait()
        return whole.other

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {2}
    assert whole.made == 1
