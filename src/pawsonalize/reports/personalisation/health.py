"""The verdict as of now, read from the tables; its turns are told once, by one server of all."""

from collections.abc import Iterable
from typing import Protocol

from pawsonalize.core.database.database import Database
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Problems
from pawsonalize.recommend.tables import Impressions
from pawsonalize.reports.personalisation.counting import NAMED, Counted
from pawsonalize.reports.personalisation.rules import (
    PersonalisationHealth,
    PersonalisationVerdict,
    judge,
)
from pawsonalize.reports.personalisation.tables import SeenTables
from pawsonalize.resources.defaults import RECOMMENDER
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.retraining.schedule import CheckSettings

_PAGES = 20_000  # the newest
_NAMES = {
    verdict: f"personalisation {'is weak' if verdict == 'weak' else verdict}"
    for verdict in (PersonalisationVerdict.WEAK, PersonalisationVerdict.DOES_NOT_WORK)
}


class Sources(Protocol):
    """What is read: `Adapters` have it."""

    database: Database
    registry: Registry
    campaigns: Campaigns


def read_health(
    sources: Sources, now: int, settings: Iterable[str], checks: CheckSettings
) -> PersonalisationHealth:
    """Count and judge; `settings` says which of them have no effect."""
    tables = SeenTables(sources.database)
    name = sources.campaigns.get(RECOMMENDER).solution_version
    version = None if name is None else sources.registry.find(SolutionVersion, name)
    age = None if version is None else (now - version.as_of) / DAY
    impressions = Impressions(sources.database)
    pages = impressions.newest_pages(_PAGES)
    stock, events = tables.stock(now), tables.events(now)
    newest = [one for one in events if one.animal_id][-NAMED:]
    ids = {one.recommendation_id for one in newest if one.recommendation_id}
    # Answers about groups, boards and animals that are alike are no pages, and have ids as well.
    others = impressions.get_many(sorted(ids - {page.recommendation_id for page in pages}))
    counted = Counted(now, events, pages, stock, age, tuple(settings), checks, frozenset(others))
    return judge(counted.figures())


def tell_turn(health: PersonalisationHealth, problems: Problems, now: int) -> None:
    """Begin the problem that the verdict is, and end the other; "not known yet" changes nothing."""
    # Problems are rows of the tables: each begins and ends once for all servers, with one notice.
    if health.verdict is PersonalisationVerdict.NOT_KNOWN:
        return
    for verdict, problem in _NAMES.items():
        if verdict is health.verdict:
            moves = "; ".join(f"{one.message}: {one.next_move}" for one in health.findings)
            problems.report(problem, moves, now)
        else:
            problems.clear(problem, now)
