"""Things that happened to the service and may explain a chart: each plugin tells its own."""

from collections.abc import Callable, Iterable

import msgspec

from pawsonalize.app.pages.period import PagePeriod
from pawsonalize.app.pages.views import ViewQuery
from pawsonalize.core.plugin import added
from pawsonalize.core.times import parse_moment

_MOST = 100


class Happening(msgspec.Struct, frozen=True):
    """A promotion, an import, an outage: `kind` is good, bad or other; `page` is about it."""

    at: str
    text: str
    kind: str = "other"
    page: str = ""

    @property
    def moment(self) -> int:
        """The moment, in milliseconds since 1970."""
        return parse_moment(self.at, "at")


class Happenings(msgspec.Struct, frozen=True):
    """A function that tells what happened, which a plugin adds to its `console_pages`."""

    find: Callable[[ViewQuery], Iterable[Happening]]


class HappeningReport(msgspec.Struct, frozen=True):
    """Happenings of a time, newest first."""

    happened: list[Happening]


def find_happenings(query: ViewQuery, period: PagePeriod) -> list[Happening]:
    """Return what happened in a time, newest first, a hundred at most."""
    tellers = [one for one in added("console_pages") if isinstance(one, Happenings)]
    found = (one for teller in tellers for one in teller.find(query))
    within = (one for one in found if period.holds(one.at))
    return sorted(within, key=lambda one: one.at, reverse=True)[:_MOST]
