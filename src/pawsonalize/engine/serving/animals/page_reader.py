"""Pages that one visitor was shown lately, what they opened, and their boards."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import (
    NO_WISHES,
    Preferences,
    WantedValues,
    speak_against,
)
from pawsonalize.domain.times import HOUR
from pawsonalize.engine.serving.animals.boards import NO_BOARDS, BoardHistory, BoardReader
from pawsonalize.engine.serving.animals.factors import logged_factors
from pawsonalize.engine.serving.animals.pages import (
    ShownPages,
    opens,
    places_counted,
    wanted_lately,
)
from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.recipes.data import Floats
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.impressions import BOARD, PAGES, Impression, Impressions

PAGES_READ = 12  # of a visitor's newest pages; older ones tell little of what is wanted now
_PLACES_READ = 160  # bounds the time of the Newton steps in a request
_DEEDS_READ = 100
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
        deeds = self.log.deeds_of(visitor, at, _DEEDS_READ)
        given = [page for page in in_time[::-1] if page.question == BOARD]
        boards = BoardReader(self.table, self.animals).of(deeds, given, wishes)
        newest = [page for page in in_time if page.question != BOARD][-PAGES_READ:]
        wanted = wanted_lately(newest, at)
        shown = ShownPages(kinds)
        opened, withdrawn = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
        for page in newest:
            shown.add(page)
        for deed in deeds:
            if opens(deed, self.log.event_types) and (found := shown.find(deed)) is not None:
                page, place = found
                is_over = wishes and speak_against(wishes, page.item_ids[place], deed.sent_at)
                (withdrawn if is_over else opened)[page.recommendation_id].add(place)
        seen = [page for page in reversed(newest) if shown.is_seen(page)]
        rows = Pages.of(seen, opened, at - _VISIT, withdrawn)
        return replace(rows, boards=boards, wanted=wanted)
