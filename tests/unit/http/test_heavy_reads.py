"""Reports have capacity of their own: a few at a time, a few that wait, the rest later."""

import asyncio
import threading

import pytest

from pawsonalize.access.heavy_reads import HeavyReads
from pawsonalize.domain.errors import NotReady


def test_as_many_are_made_at_once_as_may_be_and_too_many_are_told_to_come_again() -> None:
    release, running, most = threading.Event(), 0, 0

    def report() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        release.wait(30)
        running -= 1
        return 7

    async def play() -> None:
        reports = HeavyReads(1)
        asked = [asyncio.create_task(reports.make(report)) for _ in range(9)]
        await asyncio.sleep(0.1)
        with pytest.raises(NotReady) as told:
            await reports.make(report)
        assert told.value.code == "too_busy"
        release.set()
        assert await asyncio.gather(*asked) == [7] * 9
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
