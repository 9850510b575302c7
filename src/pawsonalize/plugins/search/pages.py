"""Searches on the console: the words that visitors wrote lately, and those that nobody fitted."""

import msgspec

from pawsonalize.app.pages.shell import Link
from pawsonalize.app.pages.views import View, ViewQuery
from pawsonalize.recommend.animals.pages import SearchRecord

_HERE, _ANIMALS = "/console/animals/searches", "/console/animals"
_READ, _SHOWN = 2_000, 50
_DECODE = msgspec.json.Decoder(SearchRecord).decode


class SearchedWords(msgspec.Struct, frozen=True):
    """Words that were searched, by how many visits of the newest searches."""

    query: str
    times: int
    found: int
    """Animals that were found the last time."""
    given_up: tuple[str, ...]


class SearchesReport(msgspec.Struct, frozen=True):
    """The newest searches; pages of one search count once."""

    searches: int
    unfit: list[SearchedWords]
    """Nobody fitted all of these words."""
    frequent: list[SearchedWords]


def searches_report(query: ViewQuery) -> SearchesReport:
    """Count the newest searches by their words, without regard to case."""
    newest = query.services.animal_recommender.pages.table.newest_searches(_READ)
    last: dict[str, SearchRecord] = {}
    visits: dict[str, set[str | None]] = {}
    for one in newest:
        record = _DECODE(one.search or "")
        words = " ".join(record.query.casefold().split())
        last.setdefault(words, record)
        visits.setdefault(words, set()).add(one.session_id or one.user_id)
    rows = [
        SearchedWords(record.query, len(visits[words]), record.found, record.given_up)
        for words, record in last.items()
    ]
    rows.sort(key=lambda row: -row.times)
    unfit = [row for row in rows if not row.found or row.given_up]
    return SearchesReport(len(newest), unfit[:_SHOWN], rows[:_SHOWN])


PAGES = (
    Link("Searches", _HERE, tab_of=_ANIMALS, place=4),
    View(page=_HERE, template="search/searches.html", read=searches_report),
)
