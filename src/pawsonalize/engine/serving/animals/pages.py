"""Pages of animals that visitors were shown, and what they did with them."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import msgspec
from cachetools import LRUCache

from pawsonalize.domain import events
from pawsonalize.domain.preferences import NO_WISHES, Preferences
from pawsonalize.domain.times import DAY, MINUTE
from pawsonalize.storage.events.histories import Deed
from pawsonalize.storage.events.impressions import ANIMALS, Impression

# The deeds that are more than a look.
INQUIRIES = frozenset({events.INQUIRY, events.APPLICATION, events.ADOPTION})
EXPLORED = 0.5  # A place of a lower propensity was filled by chance alone
_AGAIN = 10  # openings of one animal that a person in love may come to
_CURIOUS, _SHARE = 20, 0.5  # so many animals anybody may open, and beyond that half of those shown
_OTHERWISE = frozenset({events.RETURN, events.DISLIKE, *events.PICKS})  # a pick is of a board
_PLACES = 100  # of a page; hardly anybody looks at those below
_WITHIN = 60 * MINUTE  # later a visitor comes by a link, not by the page
_PAGES_KEPT, _VISITORS_KEPT, _OF_A_VISITOR = 20_000, 20_000, 12
_DECODE = msgspec.json.Decoder(tuple[str, ...]).decode


class SearchRecord(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A search as it is kept with its answer."""

    query: str
    wanted: Preferences = NO_WISHES
    """The visitor's wishes, in the words of the quiz."""
    found: int = 0
    given_up: tuple[str, ...] = ()


_DECODE_SEARCH = msgspec.json.Decoder(SearchRecord).decode


def wanted_lately(pages: Iterable[Impression], at: int) -> Preferences:
    """The wishes of the newest search of the day before; those of none if there is none."""
    searches = [one for one in pages if one.search is not None and at - DAY <= one.as_of]
    if not searches:
        return NO_WISHES
    newest = max(searches, key=lambda one: one.as_of)
    return _DECODE_SEARCH(newest.search or "{}").wanted


class ShownPages:
    """Finds the page and the place that a deed came from.

    That is in the answer that the event names, or else the visitor's newest page of the hour
    before. Rankings and replays count as seen once an event has named one: then the site shows
    them.
    """

    def __init__(self, kinds: Iterable[str] = ()) -> None:
        self.kinds = {ANIMALS, *kinds}  # the kinds of answers that the site shows
        self._by_id: LRUCache[str, Impression] = LRUCache(_PAGES_KEPT)
        self._by_visitor: LRUCache[str, list[Impression]] = LRUCache(_VISITORS_KEPT)

    def __contains__(self, recommendation_id: str) -> bool:
        return recommendation_id in self._by_id

    @property
    def is_empty(self) -> bool:
        """True if no page is known."""
        return not self._by_id

    def is_seen(self, page: Impression) -> bool:
        """True if somebody sees the page, as far as is known by now."""
        return kind_of(page) in self.kinds

    def add(self, page: Impression) -> None:
        """Add a page; pages come in the order of time."""
        self._by_id[page.recommendation_id] = page
        for key in visitor_keys(page.user_id, page.session_id):
            pages = self._by_visitor.setdefault(key, [])
            pages.append(page)
            del pages[:-_OF_A_VISITOR]

    def forget(self, visitors: Collection[str]) -> list[Impression]:
        """Drop the pages of these visitors, given by hashes of their ids; returns them."""
        gone = [
            page for page in self._by_id.values() if digest_of_key(visitor_of(page)) in visitors
        ]
        for page in gone:
            del self._by_id[page.recommendation_id]
        for key in [key for key in self._by_visitor if digest_of_key(key) in visitors]:
            del self._by_visitor[key]
        return gone

    def find(self, deed: Deed) -> tuple[Impression, int] | None:
        """The page and the place, from 0; None for a deed that came from no page of ours."""
        named = self._by_id.get(deed.recommendation_id) if deed.recommendation_id else None
        if named is not None:
            self.kinds.add(kind_of(named))
            place = place_of(named, deed.animal_id)
            return None if place is None else (named, place)
        for key in visitor_keys(deed.user_id, deed.session_id):
            for page in reversed(self._by_visitor.get(key, ())):
                place = place_of(page, deed.animal_id)
                if place is not None and 0 <= deed.sent_at - page.as_of <= _WITHIN:
                    return page, place
        return None


def kind_of(page: Impression) -> str:
    """Return the kind of the page's query; that of a replay is another."""
    return page.question if page.as_of == page.answered_at else f"{page.question}, replayed"


def visitor_keys(user_id: str | None, session_id: str | None) -> Iterator[str]:
    """The names of a visitor, the session first."""
    if session_id is not None:
        yield events.visitor_key(None, session_id)
    if user_id is not None:
        yield events.visitor_key(user_id, None)


def visitor_of(page: Impression) -> str:
    """One name of whoever was shown the page."""
    return events.visitor_key(page.user_id, page.session_id)


def visit_of(page: Impression) -> str:
    """The name of the visit that the page was part of: the session, or else the visitor."""
    return next(visitor_keys(page.user_id, page.session_id), "")


def digest_of_key(key: str) -> str:
    """The hash by which erasures know a visitor, from one of `visitor_keys`."""
    return events.visitor_digest(
        events.SESSION if key.startswith(events.SESSION_KEY) else events.USER, key[2:]
    )


def place_of(page: Impression, animal_id: str) -> int | None:
    """Return the animal's place on the page, from 0."""
    for place, ids in enumerate(page.animal_ids or ()):
        if animal_id in ids:
            return place
    return None


def was_shown(page: Impression, deed: Deed) -> bool:
    """True if shown by the time of the deed; a sender's clock may be slow, so a named page was."""
    named = deed.recommendation_id or ""
    return page.as_of <= deed.sent_at or page.recommendation_id <= named


def places_counted(page: Impression) -> int:
    """Return how many places of a page count, from the first one, whatever was opened."""
    # How many are looked at is what attention says. Places that were kept where somebody opened one
    # would seem to be opened far too often.
    return min(len(page.animal_ids or ()), _PLACES)


def opens(deed: Deed, event_types: events.EventTypes) -> bool:
    """True if the visitor opened the animal."""
    return event_types.meaning(deed.event_type) not in _OTHERWISE


def asks(deed: Deed, event_types: events.EventTypes) -> bool:
    """True if the visitor wants the animal."""
    return event_types.meaning(deed.event_type) in INQUIRIES


def reported_page(deed: Deed) -> Impression | None:
    """The page of a site's own that an event reports; None if it reports none, or one of ours."""
    if deed.impression is None or deed.recommendation_id is not None:
        return None
    ids = _DECODE(deed.impression)
    if deed.animal_id not in ids:
        return None
    return Impression(
        recommendation_id=f"event {deed.offset}",
        question=ANIMALS,
        user_id=deed.user_id,
        session_id=deed.session_id,
        answered_at=deed.sent_at,
        as_of=deed.sent_at,
        solution_version="",
        item_ids=(),
        animal_ids=tuple((one,) for one in ids),
    )


class Suspects:
    """Visitors who open what no person would: nearly all they see, or one animal on and on."""

    def __init__(self, kept: int = _VISITORS_KEPT) -> None:
        self._shown: LRUCache[str, int] = LRUCache(kept)
        self._opened: LRUCache[str, Counter[str]] = LRUCache(kept)

    def shown(self, visitor: str, places: int) -> None:
        """The visitor was shown so many places more."""
        self._shown[visitor] = self._shown.get(visitor, 0) + places

    def opened(self, visitor: str, animal_id: str) -> bool:
        """The visitor opened an animal; True for the first time."""
        counts = self._opened.setdefault(visitor, Counter())
        counts[animal_id] += 1
        return counts[animal_id] == 1

    def has_opened(self, visitor: str, animal_id: str) -> bool:
        """True if the visitor opened the animal before."""
        return animal_id in self._opened.get(visitor, ())

    def forget(self, visitors: Collection[str]) -> None:
        """Drop these visitors, given by hashes of their ids."""
        for known in (self._shown, self._opened):
            for key in [key for key in known if digest_of_key(key) in visitors]:
                del known[key]

    def is_one(self, visitor: str) -> bool:
        """True if the visitor counts no more."""
        counts = self._opened.get(visitor)
        if counts is None:
            return False
        most = max(counts.values())
        return most > _AGAIN or len(counts) > max(_CURIOUS, _SHARE * self._shown.get(visitor, 0))
