"""Servers that look at the same moment: one trains what is due, one updates who follows."""

from collections.abc import Callable
from threading import Barrier, Thread

import msgspec

from pawsonalize.core.database.database import Database
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion
from pawsonalize.train.campaigns import Following
from pawsonalize.train.trainings import AutomaticTraining
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0, event

SERVERS = 6


def at_once(look: Callable[[int], None]) -> None:
    """Look as so many servers whose clocks are a millisecond apart; their errors count."""
    barrier, ended = Barrier(SERVERS), []

    def server(number: int) -> None:
        barrier.wait()
        look(T0 + MINUTE + number)
        ended.append(number)

    threads = [Thread(target=server, args=(number,)) for number in range(SERVERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == SERVERS


def test_what_is_due_is_written_down_once(
    database: Database, registry: Registry, versions: SolutionVersions
) -> None:
    log = EventLog(database)
    log.append([event("e1")])
    solution = registry.get(Solution, "recommender")
    registry.update(msgspec.structs.replace(solution, auto_training_days=1), T0)
    at_once(AutomaticTraining(registry, versions, log).look)
    assert len(list(registry.all(SolutionVersion))) == 1


def test_a_campaign_that_follows_is_updated_once(
    registry: Registry, versions: SolutionVersions
) -> None:
    campaign = registry.get(Campaign, "recommender")
    campaign = registry.update(msgspec.structs.replace(campaign, follows_latest=True), T0)
    version = SolutionVersion(
        name="v1",
        solution="recommender",
        recipe="popularity-count",
        cut=Cut(0, T0),
        status=Status.ACTIVE,
    )
    registry.create(version, T0)
    at_once(Following(registry, Campaigns(registry), versions).look_after)
    told = registry.get(Campaign, "recommender")
    assert (told.followed, told.revision) == ("v1", campaign.revision + 1)
