"""Fair slots: a dataset group that floods delays its own requests only."""

import asyncio
from collections import Counter

import pytest

from pawsonalize.core.errors import NotReady
from pawsonalize.operations.limits import FairSlots
from tests import event_loop


async def served(slots: FairSlots, whose: str, into: list[str], seconds: float = 0.001) -> None:
    """A request that is answered in the event loop itself."""
    await slots.take(whose)
    into.append(whose)
    slots.give_back(whose, seconds)


def test_among_requests_that_are_ready_together_each_dataset_group_has_its_turn() -> None:
    order: list[str] = []

    async def run() -> None:
        slots = FairSlots(at_once=4, most_waiting=1_000)
        flood = [served(slots, "greedy", order) for _ in range(100)]
        await asyncio.gather(*flood, *(served(slots, "modest", order) for _ in range(10)))

    event_loop.run(run())
    last = max(place for place, whose in enumerate(order) if whose == "modest")
    assert last < 30, "the modest one waited behind the flood"
    assert Counter(order) == {"greedy": 100, "modest": 10}


def test_who_comes_later_is_next_however_many_wait_already() -> None:
    order: list[str] = []

    async def run() -> None:
        slots = FairSlots(at_once=1, most_waiting=1_000)
        flood = [asyncio.create_task(served(slots, "greedy", order)) for _ in range(50)]
        while len(order) < 10:
            await asyncio.sleep(0)
        await served(slots, "modest", order)
        at = order.index("modest")
        await asyncio.gather(*flood)
        assert at <= 13

    event_loop.run(run())


def test_a_greater_weight_has_a_greater_share() -> None:
    order: list[str] = []

    async def one(slots: FairSlots, whose: str, weight: int) -> None:
        await slots.take(whose, weight)
        order.append(whose)
        slots.give_back(whose, 0.001)

    async def run() -> None:
        slots = FairSlots(at_once=1, most_waiting=1_000)
        await asyncio.gather(
            *(one(slots, "heavy", 3) for _ in range(90)),
            *(one(slots, "light", 1) for _ in range(90)),
        )

    event_loop.run(run())
    assert Counter(order[:80])["heavy"] in range(55, 66)


def test_slow_work_of_one_leaves_slots_to_others() -> None:
    async def run() -> None:
        slots = FairSlots(at_once=4, most_waiting=100)
        for _ in range(3):
            await slots.take("slow")
        waiting = asyncio.create_task(slots.take("slow"))
        await asyncio.wait_for(slots.take("other"), 5)
        assert not waiting.done()
        slots.give_back("slow", 1.0)
        await asyncio.wait_for(waiting, 5)

    event_loop.run(run())


def test_a_flood_is_refused_before_it_takes_all_room_and_others_still_may_wait() -> None:
    async def run() -> None:
        slots = FairSlots(at_once=1, most_waiting=50)
        await slots.take("slow")
        refused = 0
        tasks = []
        for _ in range(100):
            task = asyncio.create_task(slots.take("greedy"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if task.done() and isinstance(task.exception(), NotReady):
                refused += 1
            else:
                tasks.append(task)
        assert refused >= 50
        modest = asyncio.create_task(slots.take("modest"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not modest.done() or modest.exception() is None
        for task in (*tasks, modest):
            task.cancel()

    event_loop.run(run())


@pytest.mark.parametrize("is_served", [True, False])
def test_a_request_that_is_given_up_gives_its_place_back(is_served: bool) -> None:
    async def run() -> None:
        slots = FairSlots(at_once=1, most_waiting=1)
        await slots.take("a")
        gone = asyncio.create_task(slots.take("b"))
        await asyncio.sleep(0)
        if is_served:
            slots.give_back("a", 0.0)
            gone.cancel()
        else:
            gone.cancel()
            await asyncio.sleep(0)
            slots.give_back("a", 0.0)
        await asyncio.gather(gone, return_exceptions=True)
        await asyncio.wait_for(slots.take("c"), 5)

    event_loop.run(run())
