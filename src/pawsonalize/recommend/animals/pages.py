"""Pages of animals and boards that visitors were shown, and what they did with them."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

import msgspec
import numpy as np
from cachetools import LRUCache
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core import event as events
from pawsonalize.core.errors import Conflict, InvalidInput
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, NO_PICK, PICKS, Event, Visitor, standing
from pawsonalize.core.preferences import (
    NO_WISHES,
    Preferences,
    WantedValues,
    about_picks,
    contradicts,
)
from pawsonalize.core.times import DAY, HOUR, MINUTE, SECOND
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import HistoryQuery, Interaction
from pawsonalize.models.recipes.data import Floats
from pawsonalize.recommend.animals.settings import PARTS
from pawsonalize.recommend.exploration import ImpressionLog, UnseenAnswers
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import ANIMALS, BOARD, PAGES, SEARCH, Impression, Impressions

# The deeds that are more than a look.
INQUIRIES = frozenset({events.INQUIRY, events.APPLICATION, events.ADOPTION})
EXPLORED = 0.5  # A place of a lower propensity was filled by chance alone
_OTHERWISE = frozenset({events.RETURN, events.DISLIKE, *events.PICKS})  # a pick is of a board
_PLACES = 100  # of a page; hardly anybody looks at those below
_WITHIN = 60 * MINUTE  # later a visitor comes by a link, not by the page
_PAGES_KEPT, _VISITORS_KEPT, _OF_A_VISITOR = 20_000, 20_000, 12
_NOTHING = (0.0,) * len(PARTS)
_RELEVANCE = PARTS.index("relevance")
_NEWER_PARTS = 2
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

    def find(self, interaction: Interaction) -> tuple[Impression, int] | None:
        """The page and the place, from 0; None for a deed that came from no page of ours."""
        page_id = interaction.recommendation_id
        named = self._by_id.get(page_id) if page_id else None
        if named is not None:
            self.kinds.add(kind_of(named))
            place = place_of(named, interaction.animal_id)
            return None if place is None else (named, place)
        for key in visitor_keys(interaction.user_id, interaction.session_id):
            for page in reversed(self._by_visitor.get(key, ())):
                place = place_of(page, interaction.animal_id)
                if place is not None and 0 <= interaction.sent_at - page.as_of <= _WITHIN:
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


def was_shown(page: Impression, interaction: Interaction) -> bool:
    """True if shown by the time of the deed; a sender's clock may be slow, so a named page was."""
    named = interaction.recommendation_id or ""
    return page.as_of <= interaction.sent_at or page.recommendation_id <= named


def places_counted(page: Impression) -> int:
    """Return how many places of a page count, from the first one, whatever was opened."""
    # How many are looked at is what attention says. Places that were kept where somebody opened one
    # would seem to be opened far too often.
    return min(len(page.animal_ids or ()), _PLACES)


def opens(interaction: Interaction, event_types: events.EventTypes) -> bool:
    """True if the visitor opened the animal."""
    return event_types.meaning(interaction.event_type) not in _OTHERWISE


def asks(interaction: Interaction, event_types: events.EventTypes) -> bool:
    """True if the visitor wants the animal."""
    return event_types.meaning(interaction.event_type) in INQUIRIES


def reported_page(interaction: Interaction) -> Impression | None:
    """The page of a site's own that an event reports; None if it reports none, or one of ours."""
    if interaction.impression is None or interaction.recommendation_id is not None:
        return None
    ids = _DECODE(interaction.impression)
    if interaction.animal_id not in ids:
        return None
    return Impression(
        recommendation_id=f"event {interaction.offset}",
        question=ANIMALS,
        user_id=interaction.user_id,
        session_id=interaction.session_id,
        answered_at=interaction.sent_at,
        as_of=interaction.sent_at,
        solution_version="",
        item_ids=(),
        animal_ids=tuple((one,) for one in ids),
    )


def logged_factors(page: Impression, size: int) -> Sequence[Sequence[float]]:
    """The factors of the first places in the order of `PARTS`; 0 where they were not logged.

    Of a page that answers a search, the relevance is centred.
    """
    logged = (page.factors or ())[:size]
    # Pages of before searches had a relevance, and of before the quiz was a part of its own.
    if logged and 0 < (missing := len(PARTS) - len(logged[0])) <= _NEWER_PARTS:
        logged = tuple((*row, *(0.0,) * missing) for row in logged)
    if len(logged) < size or any(len(row) != len(PARTS) for row in logged):
        return [_NOTHING] * size
    if page.question != SEARCH:
        return logged
    # What all animals of a page have alike tells searches from other pages, not one animal from
    # another: it would teach a weight of its own, and who opened nothing would seem to like none.
    mean = sum(row[_RELEVANCE] for row in logged) / max(1, len(logged))
    return [(*row[:_RELEVANCE], row[_RELEVANCE] - mean, *row[_RELEVANCE + 1 :]) for row in logged]


MOST_PICKS = 3
BOARDS_READ = 6  # of a visitor's newest: as many as an answer has time for
_MOMENT = attrgetter("sent_at", "offset")


class PickedBoard(msgspec.Struct, frozen=True):
    """A board that was answered: the group and the animal of each place, and the picked places."""

    groups: tuple[str, ...]
    animals: tuple[str, ...]
    picks: tuple[int, ...]
    """Best first; empty for "none of these"."""


class BoardHistory(msgspec.Struct, frozen=True):
    """The boards of one visitor. One of which all picks were taken back is neither."""

    picked: tuple[PickedBoard, ...] = ()
    """Those that were answered, newest answer first."""
    left: tuple[Impression, ...] = ()
    """Those among the newest answers that were left alone, newest first."""

    @property
    def picked_animals(self) -> set[str]:
        """The animals that were picked of any board."""
        return {board.animals[place] for board in self.picked for place in board.picks}


NO_BOARDS = BoardHistory()


class BoardReader(msgspec.Struct, frozen=True):
    """Finds the boards that events answer."""

    table: Impressions
    animals: Animals

    def of(
        self,
        interactions: Iterable[Interaction],
        given: Sequence[Impression],
        wishes: Sequence[WantedValues] = (),
    ) -> BoardHistory:
        """The boards of a visitor with these deeds, both newest first; `given` were read already.

        A pick that a later wish speaks against is as if it had been taken back; see `about_picks`.
        A board that is in no table, after a replay or on another server, is as the event lists it.
        """
        wishes = about_picks(wishes)
        answers: dict[str, list[Interaction]] = {}
        for interaction in interactions:
            if interaction.event_type in PICKS and interaction.recommendation_id is not None:
                answers.setdefault(interaction.recommendation_id, []).append(interaction)
        left = tuple(board for board in given if board.recommendation_id not in answers)
        newest = dict(islice(answers.items(), BOARDS_READ))
        known = {board.recommendation_id: board for board in given}
        if missing := [name for name in newest if name not in known]:
            known |= self.table.get_many(missing)
        boards = ((known.get(name) or self._listed(those)) for name, those in newest.items())
        answered = zip(boards, newest.values(), strict=True)
        picked = (_picked(board, those, wishes) for board, those in answered if board is not None)
        return BoardHistory(tuple(one for one in picked if one is not None), left)

    def _listed(self, interactions: Sequence[Interaction]) -> Impression | None:
        """The board as the events list it, without animals that nobody knows; None without list."""
        interaction = next((one for one in interactions if one.impression is not None), None)
        if interaction is None or interaction.impression is None:
            return None
        ids = _DECODE(interaction.impression)
        known = self.animals.get_many(ids)
        here = [one for one in ids if one in known]
        return Impression(
            recommendation_id=interaction.recommendation_id or "",
            question=BOARD,
            user_id=interaction.user_id,
            session_id=interaction.session_id,
            answered_at=interaction.sent_at,
            as_of=interaction.sent_at,
            solution_version="",
            item_ids=tuple(known[one].group_at(interaction.sent_at).id for one in here),
            animal_ids=tuple((one,) for one in here),
        )


def _picked(
    board: Impression, interactions: Sequence[Interaction], wishes: Sequence[WantedValues]
) -> PickedBoard | None:
    found = picked_board(board, interactions)
    if found is None or not (wishes and found.picks):
        return found
    at = max(interaction.sent_at for interaction in interactions)
    groups = found.groups
    picks = tuple(one for one in found.picks if not contradicts(wishes, groups[one], at))
    return replace(found, picks=picks) if picks else None


def picked_board(board: Impression, interactions: Sequence[Interaction]) -> PickedBoard | None:
    """The board with the answer of these deeds; None if it is another visitor's, or none fits.

    An animal counts once, at the rank that the event names, or else in the order of events. Whoever
    picked an animal did not mean "none".
    """
    if board.question != BOARD or not board.animal_ids:
        return None
    in_time = sorted(interactions, key=_MOMENT, reverse=True)
    own = [one for one in standing(in_time) if belongs(board, one)][::-1]
    ranked = sorted(own, key=_rank)  # of one rank by time, as a sort keeps the order of equals
    found = [place_of(board, one.animal_id) for one in ranked if one.event_type != NO_PICK]
    picks = tuple(dict.fromkeys(place for place in found if place is not None))[:MOST_PICKS]
    # Who picked nothing said so; or all was taken back, or was no animal of the board.
    if not picks and len(found) == len(own):
        return None
    return PickedBoard(board.item_ids, tuple([ids[0] for ids in board.animal_ids]), picks)


def _rank(pick: Interaction) -> float:
    return pick.event_value or MOST_PICKS


def belongs(board: Impression, visitor: Visitor | Interaction | Event) -> bool:
    """True if the board was given to this user, or in this session."""
    same_user = board.user_id is not None and board.user_id == visitor.user_id
    return same_user or (board.session_id is not None and board.session_id == visitor.session_id)


def check_board(answers: Impressions, event: Event) -> None:
    """Refuse an answer to a board that another visitor was given, with Conflict."""
    if event.event_type not in PICKS or event.recommendation_id is None:
        return
    if event.dataset_group != DEFAULT_DATASET_GROUP:
        return  # it answers no board: boards are of the animals there
    # A board that is not found may be another worker's and not written yet, or an old one.
    board = answers.get(event.recommendation_id)
    if board is not None and board.question == BOARD and not belongs(board, event):
        raise Conflict(
            f"board {board.recommendation_id} was given to another visitor: send the userId or the"
            " sessionId that asked for it",
            field="boardId",
        )


PAGES_READ = 12  # of a visitor's newest pages; older ones tell little of what is wanted now
_PLACES_READ = 160  # bounds the time of the Newton steps in a request
_INTERACTIONS_READ = 100
_VISIT = HOUR


class Pages(msgspec.Struct, frozen=True):
    """Pages that one visitor saw lately: of each place the group, the animal, and the result.

    `factors` are those logged with the page, in the order of `PARTS`, shape (places, parts);
    `lately` is True for those of this visit, and `known` for animals that the visitor had opened on
    an earlier page. The others have the shape (places,).
    """

    groups: tuple[str, ...]
    animals: tuple[str, ...]
    factors: Floats
    place: NDArray[np.int64]
    opened: NDArray[np.bool_]
    lately: NDArray[np.bool_]
    known: NDArray[np.bool_]
    boards: BoardHistory = NO_BOARDS
    wanted: Preferences = NO_WISHES
    """The wishes of a search of the last day."""

    @classmethod
    def of(
        cls,
        pages: Sequence[Impression],
        opened: Mapping[str, set[int]],
        since: int,
        withdrawn: Mapping[str, set[int]],
    ) -> "Pages":
        """The places of the pages but `withdrawn` ones, up to about `_PLACES_READ` of them."""
        rows: list[tuple[str, str, Sequence[float], int, bool, bool, bool]] = []
        first = _first_openings(pages, opened)
        for page in pages:
            here = opened.get(page.recommendation_id, set())
            size, is_late = places_counted(page), page.as_of >= since
            animals = [ids[0] for ids in (page.animal_ids or ())[:size]]
            shown = zip(page.item_ids[:size], animals, logged_factors(page, size), strict=True)
            gone = withdrawn.get(page.recommendation_id, set()) - here
            known = [first.get(one, page.as_of) < page.as_of for one in animals]
            rows += [
                (*one, place, place in here, is_late, known[place])
                for place, one in enumerate(shown)
                if place not in gone
            ]
            if len(rows) >= _PLACES_READ:
                break
        columns = zip(*rows, strict=True) if rows else ((),) * 7
        groups, ids, factors, place, chosen, lately, known_before = columns
        return cls(
            groups,
            ids,
            np.array(factors, np.float64).reshape(-1, len(PARTS)),
            np.array(place, np.int64),
            np.array(chosen, np.bool_),
            np.array(lately, np.bool_),
            np.array(known_before, np.bool_),
        )


def _first_openings(pages: Sequence[Impression], opened: Mapping[str, set[int]]) -> dict[str, int]:
    """When the page was shown on which each opened animal was opened first."""
    return {
        (page.animal_ids or ())[place][0]: page.as_of
        for page in pages  # the newest first
        for place in opened.get(page.recommendation_id, ())
    }


NO_PAGES = Pages.of((), {}, 0, {})


@dataclass(eq=False)
class PageReader:
    """Reads the pages that visitors were shown, with those that still wait to be written."""

    table: Impressions
    log: EventLog
    animals: Animals

    def of(
        self,
        visitor: Visitor,
        at: int,
        waiting: Sequence[Impression],
        kinds: frozenset[str],
        *,
        picked: bool = True,
        wishes: Sequence[WantedValues] = (),
    ) -> Pages:
        """The newest places before `at`, newest page first, with those `waiting` to be written.

        If the visitor never `picked`, no event is read of somebody who was shown nothing. What was
        opened or picked before one of the `wishes`, and it speaks against, says nothing any more.
        """
        if visitor == Visitor():
            return NO_PAGES
        stored = self.table.pages_of(visitor, at, PAGES_READ)
        new = [page for page in waiting if page.as_of < at and page.question in (*PAGES, BOARD)]
        pages = {page.recommendation_id: page for page in (*stored, *new)}
        if not (pages or picked):
            return NO_PAGES
        in_time = sorted(pages.values(), key=lambda page: page.as_of)
        interactions = self.log.interactions_of(visitor, at, _INTERACTIONS_READ)
        given = [page for page in in_time[::-1] if page.question == BOARD]
        boards = BoardReader(self.table, self.animals).of(interactions, given, wishes)
        newest = [page for page in in_time if page.question != BOARD][-PAGES_READ:]
        wanted = wanted_lately(newest, at)
        shown = ShownPages(kinds)
        opened, withdrawn = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
        for page in newest:
            shown.add(page)
        for interaction in interactions:
            found = shown.find(interaction)
            if found is not None and opens(interaction, self.log.event_types):
                page, place = found
                is_over = wishes and contradicts(wishes, page.item_ids[place], interaction.sent_at)
                (withdrawn if is_over else opened)[page.recommendation_id].add(place)
        seen = [page for page in reversed(newest) if shown.is_seen(page)]
        rows = Pages.of(seen, opened, at - _VISIT, withdrawn)
        return replace(rows, boards=boards, wanted=wanted)


OPEN_FOR = 12 * HOUR  # a page that is loaded again is the same for so long
_EVENTS_READ = 50
_WRITTEN_WITHIN = SECOND // 2  # milliseconds
_LATE = 3 * SECOND  # a busy machine writes so much later
_LOOK_AGAIN, _TRIES = 0.1, 35  # seconds
_OURS = re.compile("RID-[0-9a-f]{8}-[0-9a-f]{4}-")  # which begin with the moment


class OpenPages(msgspec.Struct, frozen=True):
    """Finds the answers of an open page, with what still waits to be written."""

    table: Impressions
    log: EventLog
    answers: ImpressionLog | UnseenAnswers

    def find(self, ids: Sequence[str], visitor: Visitor) -> list[Impression]:
        """Those answers that this visitor was given, the oldest first."""
        if not ids:
            return []
        waiting = {answer.recommendation_id: answer for answer in self.answers.waiting_of(visitor)}
        answers = self.table.get_many(ids) | waiting
        named = [answers[name] for name in dict.fromkeys(ids) if name in answers]
        own = [one for one in named if Visitor(one.user_id, one.session_id) == visitor]
        return sorted(own, key=lambda answer: answer.as_of)  # of one moment: as they are named

    def read(self, query: Query, kind: str, version: str) -> Query:
        """The query with the page that it continues, or repeats.

        It repeats none 12 hours after the newest answer, nor once the visitor did something since
        the first, or another version answers. InvalidInput if it continues no answer of the
        visitor.
        """
        ids = query.continues or query.repeats
        if not ids:
            return query
        own = self.find(ids, query.visitor)
        if query.continues:
            page = tuple(answer for answer in own if answer.animal_ids is not None)
            if missing := set(query.continues) - {answer.recommendation_id for answer in page}:
                raise InvalidInput(
                    f"{min(missing)} is no answer of animals that this visitor was given: send the"
                    " ids of the answers on the page, or leave continues out for a new page",
                    field="continues",
                )
            return rest_of(replace(query, page=page))
        page = tuple(answer for answer in own if answer.question == kind)
        if not page or len(own) < len(set(query.repeats)):
            return query
        is_over = max(answer.as_of for answer in page) < query.at - OPEN_FOR
        is_other = any(answer.solution_version != version for answer in page)
        if is_over or is_other or self._did_something(query, page[0].as_of):
            return query
        return replace(query, page=page)

    def _did_something(self, query: Query, since: int) -> bool:
        """True if the service got an event of the visitor since, by its own clock."""
        if query.visitor == Visitor():
            return False
        events = self.log.history(query.visitor, HistoryQuery(_EVENTS_READ))
        return any(since <= one.event.received_at <= query.at for one in events)


def seconds_until_written(ids: Sequence[str], now: int) -> float:
    """The time until the newest of these answers is written, whichever process gave it."""
    moments = [int(one[4:17].replace("-", ""), 16) for one in ids if _OURS.match(one)]
    left = max(moments, default=0) + _WRITTEN_WITHIN - now
    return max(0, min(left, _WRITTEN_WITHIN)) / SECOND


async def wait_until_written(
    name: str, now: Callable[[], int], is_known: Callable[[], Awaitable[bool]]
) -> None:
    """Wait for an answer that another worker may have given just now: 3.5 seconds at most."""
    for _ in range(_TRIES):  # of a clock that stands still, the answer is always of just now
        left = seconds_until_written([name], now() - _LATE)
        if await is_known() or not left:
            return
        await asyncio.sleep(min(left, _LOOK_AGAIN))


def places_of(page: Sequence[Impression]) -> Iterator[tuple[tuple[str, ...], float, str]]:
    """The animals of each place, in order, its propensity and its answer's id."""
    for answer in page:
        odds = answer.propensities or (1.0,) * len(answer.item_ids)
        for ids, propensity in zip(answer.animal_ids or (), odds, strict=True):
            yield ids, propensity, answer.recommendation_id


def rest_of(query: Query) -> Query:
    """The query for animals that are not on its page."""
    shown = {one for ids, _, _ in places_of(query.page) for one in ids}
    ids = tuple(one.recommendation_id for one in query.page)
    return replace(query, eligibility=query.eligibility.without(shown), continues=ids)
