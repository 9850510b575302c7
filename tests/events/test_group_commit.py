"""Group commit: many calls, one transaction, and nobody pays for another."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from pawsonalize.core.errors import InvalidInput, NotReady, StorageUnavailable
from pawsonalize.core.event import Event
from pawsonalize.events.group_commit import GroupCommit
from tests import event_loop


def event(event_id: str) -> Event:
    return Event(event_id, "ann", "s1", "view", "2-Beagle-2-3", 1, 1)


def events(*ids: str) -> list[Event]:
    return [event(event_id) for event_id in ids]


class Disk:
    """Where commits go; it can be held up, and refuses a commit that has a bad event in it."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.errors: dict[str, Exception] = {}
        self.open = threading.Event()
        self.open.set()
        self.busy = threading.Event()

    def commit(self, batch: Sequence[Event]) -> list[bool]:
        self.busy.set()
        self.open.wait(10)
        ids = [each.event_id for each in batch]
        self.commits.append(ids)
        for event_id in ids:
            if event_id in self.errors:
                raise self.errors[event_id]
        return [event_id.isalpha() for event_id in ids]


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.open.set()


async def hold(writer: GroupCommit[Event, bool], disk: Disk) -> "asyncio.Task[list[bool]]":
    """A commit that is on its way until the disk opens; what comes now gathers behind it."""
    disk.open.clear()
    disk.busy.clear()
    first = asyncio.create_task(writer.submit(events("first")))
    await asyncio.to_thread(disk.busy.wait, 10)
    return first


async def settle() -> None:
    """Let the tasks just made run up to their wait."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_calls_that_wait_together_share_a_commit_and_each_gets_its_own_flags(disk: Disk) -> None:
    async def run() -> list[list[bool]]:
        writer = GroupCommit(disk.commit)
        first = await hold(writer, disk)
        others = [
            asyncio.create_task(writer.submit(each)) for each in (events("a", "1"), [], events("b"))
        ]
        await settle()
        disk.open.set()
        answers = await asyncio.gather(first, *others)
        await asyncio.to_thread(writer.close)
        return answers

    assert event_loop.run(run()) == [[True], [True, False], [], [True]]
    assert disk.commits == [["first"], ["a", "1", "b"]]


def test_a_failing_call_costs_no_other(disk: Disk) -> None:
    disk.errors["bad"] = InvalidInput("unwritable")

    async def run() -> list[list[bool] | BaseException]:
        writer = GroupCommit(disk.commit)
        first = await hold(writer, disk)
        calls = (events("a"), events("b", "bad"), events("c"))
        others = [asyncio.create_task(writer.submit(each)) for each in calls]
        await settle()
        disk.open.set()
        answers = await asyncio.gather(first, *others, return_exceptions=True)
        assert await writer.submit(events("later")) == [True], "the writer died"
        await asyncio.to_thread(writer.close)
        return answers

    first, a, b, c = event_loop.run(run())
    assert (first, a, c) == ([True], [True], [True])
    assert isinstance(b, InvalidInput)


def test_storage_that_is_down_is_asked_once_for_all_calls_not_once_for_each(disk: Disk) -> None:
    # A locked database takes its time to say so; calls in turn would wait for minutes.
    disk.errors["a"] = StorageUnavailable("the disk is full")

    async def run() -> list[list[bool] | BaseException]:
        writer = GroupCommit(disk.commit)
        first = await hold(writer, disk)
        calls = [events("a"), events("b"), events("c")]
        others = [asyncio.create_task(writer.submit(each)) for each in calls]
        await settle()
        disk.open.set()
        answers = await asyncio.gather(first, *others, return_exceptions=True)
        await asyncio.to_thread(writer.close)
        return answers

    first, *others = event_loop.run(run())
    assert first == [True]
    assert [type(each) for each in others] == [StorageUnavailable] * 3
    assert len(disk.commits) == 2


def test_a_call_that_came_while_storage_failed_is_refused_with_those_before(disk: Disk) -> None:
    # Whoever waits for a second failure waits twice as long as an answer may take.
    disk.errors["first"] = StorageUnavailable("another server keeps the lock")

    async def run() -> list[list[bool] | BaseException]:
        writer = GroupCommit(disk.commit)
        first = await hold(writer, disk)
        later = asyncio.create_task(writer.submit(events("later"), "other"))
        await settle()
        disk.open.set()
        answers = list(await asyncio.gather(first, later, return_exceptions=True))
        assert await writer.submit(events("again")) == [True]
        await asyncio.to_thread(writer.close)
        return answers

    assert [type(each) for each in event_loop.run(run())] == [StorageUnavailable] * 2
    assert disk.commits == [["first"], ["again"]]


def test_beyond_its_bound_a_call_is_refused_at_once_and_nothing_of_it_is_stored(disk: Disk) -> None:
    async def run() -> None:
        writer = GroupCommit(disk.commit, max_waiting=3)
        first = await hold(writer, disk)
        waiting = asyncio.create_task(writer.submit(events("a", "b")))
        await settle()
        with pytest.raises(NotReady, match="send them again in a moment"):
            await writer.submit(events("c", "d"))
        fits = asyncio.create_task(writer.submit(events("e")))
        await settle()
        disk.open.set()
        await asyncio.gather(first, waiting, fits)
        assert await writer.submit(events("f")) == [True], "the bound counts what has left"
        await asyncio.to_thread(writer.close)

    event_loop.run(run())
    assert disk.commits == [["first"], ["a", "b", "e"], ["f"]]


def test_a_commit_takes_no_more_than_its_bound_but_always_a_whole_call(disk: Disk) -> None:
    async def run() -> None:
        writer = GroupCommit(disk.commit, max_batch=2)
        first = await hold(writer, disk)
        calls = [events("a"), events("b", "c"), events("d", "e", "f"), events("g")]
        others = [asyncio.create_task(writer.submit(each)) for each in calls]
        await settle()
        disk.open.set()
        await asyncio.gather(first, *others)
        await asyncio.to_thread(writer.close)

    event_loop.run(run())
    assert disk.commits == [["first"], ["a"], ["b", "c"], ["d", "e", "f"], ["g"]]


def test_close_commits_what_waits_and_refuses_what_comes_later(disk: Disk) -> None:
    async def run() -> None:
        writer = GroupCommit(disk.commit)
        first = await hold(writer, disk)
        waiting = asyncio.create_task(writer.submit(events("a")))
        await settle()
        closing = asyncio.create_task(asyncio.to_thread(writer.close))
        while not writer._closing:
            await asyncio.sleep(0.001)
        with pytest.raises(NotReady, match="shutting down"):
            await writer.submit(events("late"))
        disk.open.set()
        await closing
        assert (await first, await waiting) == ([True], [True])

    event_loop.run(run())
    assert disk.commits == [["first"], ["a"]]


def test_a_client_that_goes_away_neither_loses_its_events_nor_stops_the_writer(disk: Disk) -> None:
    async def run() -> None:
        writer = GroupCommit(disk.commit)
        first = await hold(writer, disk)
        gone = asyncio.create_task(writer.submit(events("a")))
        await settle()
        gone.cancel()
        disk.open.set()
        await first
        assert await writer.submit(events("b")) == [True]
        await asyncio.to_thread(writer.close)

    event_loop.run(run())
    assert [each for commit in disk.commits for each in commit] == ["first", "a", "b"]


def test_an_event_loop_that_ended_does_not_stop_the_writer(disk: Disk) -> None:
    writer = GroupCommit(disk.commit)

    async def abandon() -> None:
        first = await hold(writer, disk)
        first.cancel()

    event_loop.run(abandon())
    disk.open.set()
    assert event_loop.run(writer.submit(events("b"))) == [True]
    writer.close()


def test_thousands_of_concurrent_calls_each_commit_exactly_once(disk: Disk) -> None:
    def slowly(batch: Sequence[Event]) -> list[bool]:
        time.sleep(0.001)
        return disk.commit(batch)

    async def run() -> None:
        writer = GroupCommit(slowly, max_batch=100)
        calls = [writer.submit(events(f"{n}", f"{n}x")) for n in range(1000)]
        answers = await asyncio.gather(*calls)
        assert answers == [[False, False]] * 1000
        await asyncio.to_thread(writer.close)

    event_loop.run(run())
    stored = [each for commit in disk.commits for each in commit]
    assert sorted(stored) == sorted(f"{n}{x}" for n in range(1000) for x in ("", "x"))
    assert len(disk.commits) < 100


def test_a_commit_takes_of_each_in_turn_and_while_several_send_not_too_much_of_one(
    disk: Disk,
) -> None:
    async def run() -> None:
        writer = GroupCommit(disk.commit, max_batch=100, max_each=2)
        first = await hold(writer, disk)
        flood = [asyncio.create_task(writer.submit(events(f"g{n}"), "greedy")) for n in range(6)]
        await settle()
        calm = [asyncio.create_task(writer.submit(events(f"m{n}"), "modest")) for n in range(2)]
        await settle()
        disk.open.set()
        await asyncio.gather(first, *flood, *calm)
        await asyncio.to_thread(writer.close)

    event_loop.run(run())
    assert disk.commits[1] == ["g0", "m0", "g1", "m1"]
    assert [len(each) for each in disk.commits[2:]] == [2, 2], "others may still send"


def test_who_floods_is_refused_while_others_still_are_taken(disk: Disk) -> None:
    async def run() -> None:
        writer = GroupCommit(disk.commit, max_waiting=50)
        first = await hold(writer, disk)
        taken = []
        for n in range(50):
            one = asyncio.create_task(writer.submit(events(f"g{n}"), "greedy"))
            await settle()
            if one.done():
                assert isinstance(one.exception(), NotReady)
                break
            taken.append(one)
        assert 35 <= len(taken) < 50
        calm = [asyncio.create_task(writer.submit(events(f"m{n}"), "modest")) for n in range(5)]
        await settle()
        assert not any(one.done() for one in calm)
        disk.open.set()
        await asyncio.gather(first, *taken, *calm)
        await asyncio.to_thread(writer.close)

    event_loop.run(run())
