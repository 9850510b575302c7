"""The page of visits on the console, and the same as JSON."""

from datetime import UTC, datetime

import msgspec

from pawsonalize import Link, View, ViewQuery

PAGE = "/console/visits"


class ListedVisit(msgspec.Struct, frozen=True, rename="camel"):
    """A booked visit."""

    animal_id: str
    at: str
    name: str


class ComingVisits(msgspec.Struct, frozen=True, rename="camel"):
    """The visits from now on, the next one first."""

    visits: list[ListedVisit]


def read_visits(query: ViewQuery) -> ComingVisits:
    """Return the report that the page shows; its moments are texts, which the page reads."""
    coming = query.plugins["visits"].coming(query.now)
    return ComingVisits(
        [
            ListedVisit(
                visit.animal_id,
                datetime.fromtimestamp(visit.at / 1000, UTC).isoformat(),
                visit.name,
            )
            for visit in coming
        ]
    )


CONSOLE_PAGES = (
    Link("Visits", PAGE, place=3),
    View(
        page=PAGE,
        template="visits/coming.html",
        read=read_visits,
        operation="visits",
        summary="Booked visits, the next one first.",
        answer=ComingVisits,
    ),
)
