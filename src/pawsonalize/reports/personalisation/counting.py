"""Counts the figures of the newest hours, and of the weeks before, by visitor."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
import numpy as np

from pawsonalize.core.times import DAY, HOUR, MINUTE
from pawsonalize.recommend.animals.pages import place_of, visitor_keys, visitor_of
from pawsonalize.recommend.live_model import UNTRAINED
from pawsonalize.recommend.tables import Impression
from pawsonalize.reports.personalisation.rules import PersonalisationFigures, Share
from pawsonalize.reports.personalisation.tables import SeenEvent, Stock
from pawsonalize.train.retraining.checking import bots_among
from pawsonalize.train.retraining.schedule import CheckSettings

_HOURS = (24, 48, 168)  # the fewest that have visits enough, for small sites up to a week
_VISITS = 150
NAMED = 2_000  # of the newest events with animals, whose answers are looked for
_WEEK = 7 * DAY
_LATE, _AHEAD = 45 * MINUTE, 5 * MINUTE
_PLACES, _ROW = 12, 4
_BATCH = 10  # visitors
_FULL = 8  # places: shorter pages may be asked for


def newest_hours(events: Iterable[SeenEvent], pages: Iterable[Impression], now: int) -> int:
    """Return the hours that are judged: the fewest in which visitors enough came."""
    last = {page.session_id or page.user_id: page.as_of for page in pages}
    for one in events:
        name = one.session_id or one.user_id
        last[name] = max(one.received_at, last.get(name, 0))
    seen = sorted(last.values())
    for hours in _HOURS[:-1]:
        if sum(at > now - hours * HOUR for at in seen) >= _VISITS:
            return hours
    return _HOURS[-1]


class Counted(msgspec.Struct, frozen=True):
    """All that figures are counted from, as of `now`; events and pages are the oldest first."""

    now: int
    events: Sequence[SeenEvent]
    pages: Sequence[Impression]
    stock: Stock
    model_days: float | None = None
    settings: tuple[str, ...] = ()
    checks: CheckSettings = CheckSettings()
    other_answers: frozenset[str] = frozenset()
    """Ids that `events` name and that were given with other answers than `pages`."""

    def figures(self) -> PersonalisationFigures:
        """Return the figures of the newest hours, and of the weeks before."""
        now, stock = self.now, self.stock
        hours = newest_hours(self.events, self.pages, now)
        since = now - hours * HOUR
        new = [one for one in self.events if one.received_at > since]
        pages = [page for page in self.pages if page.as_of > since]
        known = {page.recommendation_id for page in self.pages} | self.other_answers
        shown = {key for page in self.pages for key in visitor_keys(page.user_id, page.session_id)}
        named = [one for one in new if one.animal_id][-NAMED:]
        before = [one for one in self.events if one.received_at <= since]
        present, _ = _things(new, stock.things)
        past, past_visits = _things(before, stock.things)
        returning, returned_before = _returning(self.events, since, now)
        return PersonalisationFigures(
            hours=hours,
            visits=len({one.visitor for one in new}),
            pages=Share(sum(page.solution_version == UNTRAINED for page in pages), len(pages)),
            same=self._same(pages),
            events=len(self.events),
            model_days=self.model_days,
            unnamed=_mostly(
                (one for one in named if pages),
                lambda one: (
                    not (
                        one.recommendation_id
                        or one.reports_page
                        or shown.intersection(visitor_keys(one.user_id, one.session_id))
                    )
                ),
            ),
            unknown_ids=_mostly(
                (one for one in named if one.recommendation_id and pages),
                lambda one: one.recommendation_id not in known,
            ),
            returning=returning,
            returned_before=returned_before,
            unknown_animals=_mostly(named, lambda one: one.species is None),
            present=present,
            past=past,
            past_visits=past_visits,
            available=stock.available,
            available_before=stock.available_before,
            still_hours=stock.still_hours,
            changes_a_day=stock.changes_a_day,
            longest_still_hours=stock.longest_still_hours,
            clocks=_mostly(
                _sent_alone(new), lambda one: not -_AHEAD <= one.received_at - one.sent_at <= _LATE
            ),
            bots=self._bots(new),
            top_clicks=self._top_clicks(new),
            short_pages=self._short(pages),
            settings=self.settings,
        )

    def _same(self, pages: Iterable[Impression]) -> Share:
        """Compare pages of visitors with a history, each with the next one's."""
        first: dict[str, int] = {}
        for one in self.events:
            first.setdefault(one.visitor, one.received_at)
        shown = {
            visitor_of(page): page.animal_ids[:_PLACES]
            for page in pages
            if page.animal_ids and first.get(visitor_of(page), page.as_of) < page.as_of
        }
        lists = list(shown.values())
        pairs = list(zip(lists[::2], lists[1::2], strict=False))
        return Share(sum(one == other for one, other in pairs), len(pairs))

    def _top_clicks(self, new: Iterable[SeenEvent]) -> Share:
        """Count clicks, each once for a visitor and a page, at the top and the bottom."""
        by_id = {page.recommendation_id: page for page in self.pages}
        clicks = set()
        for one in new:
            page = by_id.get(one.recommendation_id or "")
            if page is not None and len(page.animal_ids or ()) >= _PLACES and one.animal_id:
                clicks.add((page.recommendation_id, place_of(page, one.animal_id)))
        places = [place for _, place in clicks if place is not None]
        top = sum(place < _ROW for place in places)
        return Share(top, top + sum(_PLACES - _ROW <= place < _PLACES for place in places))

    def _short(self, pages: Sequence[Impression]) -> Share:
        usual = np.percentile([len(page.animal_ids or ()) for page in self.pages] or [0], 90)
        least = usual / 2 if usual >= _FULL else 1
        return Share(sum(len(page.animal_ids or ()) < least for page in pages), len(pages))

    def _bots(self, new: Sequence[SeenEvent]) -> Share:
        if not new:
            return Share()
        names, user = np.unique([one.visitor for one in new], return_inverse=True)
        _, item = np.unique([one.animal_id or one.item_id for one in new], return_inverse=True)
        time = np.array([one.sent_at for one in new], np.int64)
        order = np.lexsort((time, user))
        bots = bots_among(user[order], item[order], time[order], len(names), self.checks)
        return Share(int(np.isin(user, bots).sum()), len(new))


def _sent_alone(events: Sequence[SeenEvent]) -> Iterator[SeenEvent]:
    """Leave out batches, in which events of many visitors come in at once, however late."""
    senders: defaultdict[int, set[str]] = defaultdict(set)
    for one in events:
        senders[one.received_at].add(one.visitor)
    return (one for one in events if len(senders[one.received_at]) < _BATCH)


def _mostly(events: Iterable[SeenEvent], is_faulty: Callable[[SeenEvent], bool]) -> Share:
    """Count the visitors of events, and those of them most of whose events are faulty."""
    balance = Counter[str]()
    for one in events:
        balance[one.visitor] += 1 if is_faulty(one) else -1
    return Share(sum(count > 0 for count in balance.values()), len(balance))


def _things(events: Iterable[SeenEvent], there: frozenset[str]) -> tuple[dict[str, int], int]:
    """Count visitors of each event type, and of species and shelters that still have animals."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    visitors = set()
    for one in events:
        visitors.add(one.visitor)
        for thing in _named(one):
            if thing.startswith("type ") or thing in there:
                seen[thing].add(one.visitor)
    return {thing: len(who) for thing, who in seen.items()}, len(visitors)


def _named(event: SeenEvent) -> Iterator[str]:
    yield f"type {event.event_type}"
    if event.species is not None:
        yield f"species {event.species}"
        yield f"shelter {event.shelter}"


def _returning(events: Iterable[SeenEvent], since: int, now: int) -> tuple[Share, Share]:
    """Count visitors who had been seen a night before, newest hours and the days before them."""
    first: dict[str, int] = {}
    new, old = dict[str, bool](), dict[tuple[str, int], bool]()
    begin = None
    for one in events:
        begin = one.received_at if begin is None else begin
        seen = first.setdefault(one.visitor, one.received_at)
        if one.received_at - begin < _WEEK:  # before that, nobody could have been seen
            continue
        came_back = one.received_at - seen > DAY / 3
        if one.received_at > since:
            new[one.visitor] = new.get(one.visitor, False) or came_back
        else:
            key = (one.visitor, (now - one.received_at) // DAY)
            old[key] = old.get(key, False) or came_back
    return Share(sum(new.values()), len(new)), Share(sum(old.values()), len(old))
