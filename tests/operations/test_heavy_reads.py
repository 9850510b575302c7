"""Reports have capacity of their own: a few at a time, a few that wait, the rest later."""

import asyncio
import threading
import time
from functools import partial

import pytest

from pawsonalize.core.errors import NotReady
from pawsonalize.operations import limits
from pawsonalize.operations.limits import HeavyReads


@pytest.fixture(autouse=True)
def as_served(monkeypatch: pytest.MonkeyPatch, longest_wait: float) -> None:
    monkeypatch.setattr(limits, "_LONGEST_WAIT", longest_wait)


@pytest.mark.parametrize(("waiting", "taken"), [({}, 9), ({"waiting": 2}, 3)])
def test_as_many_are_made_at_once_as_may_be_and_too_many_are_told_to_come_again(
    waiting: dict[str, int], taken: int
) -> None:
    release, running, most = threading.Event(), 0, 0

    def report() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        release.wait(30)
        running -= 1
        return 7

    async def play() -> None:
        reports = HeavyReads(1, **waiting)
        asked = [asyncio.create_task(reports.make(report)) for _ in range(taken)]
        await asyncio.sleep(0.1)
        with pytest.raises(NotReady) as told:
            await reports.make(report)
        assert told.value.code == "too_busy"
        release.set()
        assert await asyncio.gather(*asked) == [7] * taken
        assert await reports.make(report) == 7, "there is room again"
        reports.close()

    asyncio.run(play())
    assert most == 1


def test_who_goes_away_keeps_its_place_until_the_work_is_done() -> None:
    release = threading.Event()

    async def play() -> None:
        reports = HeavyReads(1)
        asked = [asyncio.create_task(reports.make(release.wait, 30)) for _ in range(9)]
        await asyncio.sleep(0.1)
        for one in asked[:1]:
            one.cancel()
        await asyncio.sleep(0.1)
        with pytest.raises(NotReady):
            await reports.make(release.wait, 30)
        release.set()
        await asyncio.gather(*asked, return_exceptions=True)
        reports.close()

    asyncio.run(play())


def test_who_asks_again_for_what_is_being_made_takes_no_other_place() -> None:
    release, made = threading.Event(), list[str]()

    def report(name: str) -> str:
        release.wait(30)
        made.append(name)
        return name

    async def play() -> None:
        reports = HeavyReads(1, waiting=1)
        asked = [
            asyncio.create_task(reports.share(name, partial(report, name))) for name in "aabaaab"
        ]
        await asyncio.sleep(0.1)
        asked[0].cancel()
        with pytest.raises(NotReady):
            await reports.share("c", partial(report, "c"))
        release.set()
        assert await asyncio.gather(*asked[1:]) == [*"abaaab"]
        assert made == ["a", "b"]
        assert await reports.share("a", partial(report, "a")) == "a", "it is made anew"
        assert made == ["a", "b", "a"]
        reports.close()

    asyncio.run(play())


def test_all_who_wait_for_the_same_report_are_told_why_there_is_none() -> None:
    def report() -> None:
        raise NotReady("the report was not made", code="report_failed")

    async def play() -> None:
        reports = HeavyReads(1)
        asked = [asyncio.create_task(reports.share("a", report)) for _ in range(3)]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert [one.code for one in told if isinstance(one, NotReady)] == 3 * ["report_failed"]
        reports.close()

    asyncio.run(play())


def test_what_takes_longer_is_there_for_the_second_question_and_made_once() -> None:
    async def play() -> None:
        reads, ready = HeavyReads(), asyncio.Event()
        made: list[int] = []

        async def slow() -> int:
            await ready.wait()
            made.append(7)
            return 7

        assert await reads.within(0, "a", slow) is None
        again = asyncio.create_task(reads.within(0, "a", slow))
        await asyncio.sleep(0.01)
        assert not again.done(), "the second question waits"
        ready.set()
        assert await again == 7
        assert await reads.within(30, "a", slow) == 7, "it was handed over"
        assert made == [7, 7]

    asyncio.run(play())


def test_what_nobody_asks_for_again_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_KEPT", 0.0)

    async def play() -> None:
        reads = HeavyReads()
        made: list[int] = []

        async def slow() -> int:
            await asyncio.sleep(0.01)
            made.append(len(made))
            return len(made)

        assert await reads.within(0, "a", slow) is None
        await asyncio.sleep(0.1)
        assert await reads.within(30, "a", slow) == 2, "the first one is out of date"
        assert await reads.within(0, "a", slow) is None
        reads.drop_late()
        assert await reads.within(30, "a", slow) == 4, "something was changed meanwhile"

    asyncio.run(play())


def test_a_few_reports_wait_for_nothing_and_reports_without_end_take_their_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    sleep = time.sleep

    def noted(seconds: float) -> None:
        slept.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", noted)

    def report(takes: float) -> int:
        began = time.thread_time()
        while time.thread_time() - began < takes:
            pass
        return len(slept)

    async def play() -> list[int]:
        reports = HeavyReads(share=0.5)
        before = [await reports.make(report, takes) for takes in 4 * [0.1] + 4 * [0.4]]
        reports.close()
        return before

    began = time.monotonic()
    before = asyncio.run(play())
    assert before[3] == 0, "a second is saved up"
    assert time.monotonic() - began > (4 * 0.1 + 3 * 0.4 - 1.0) / 0.5 - 0.1


def test_after_a_long_report_the_next_waits_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def report() -> None:
        began = time.thread_time()
        while time.thread_time() - began < 1.2:
            pass

    async def play() -> None:
        reports = HeavyReads(share=0.03)
        for _ in range(2):
            await reports.make(report)
        reports.close()

    asyncio.run(play())
    assert slept
    assert max(slept) <= 1.0
