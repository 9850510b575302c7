"""Keeps what could not be taken: to be looked at, mended, replayed or removed."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.limits import check_between
from pawsonalize.wings.dead_letters.letter_table import ALL, DeadLetterTable, LetterQuery, Waiting
from pawsonalize.wings.dead_letters.letters import DeadLetter

MAX_PAGE = 500
_REMOVED_AT_ONCE = 2_000
_CURSOR = re.compile(r"(\d{1,15})\.([0-9a-f-]{1,80})", re.ASCII)


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Letters, newest first, and the cursor of the next page, None on the last."""

    letters: tuple[DeadLetter, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters of every source."""

    table: DeadLetterTable
    tell: Callable[[str, int], object] = lambda _kind, _count: None
    """Is told how many new letters were kept of which kind of source: `http`, `kinesis` …"""

    def keep(self, letters: Sequence[DeadLetter]) -> int:
        """Keep letters of one source; they are durable on return. Returns how many are new.

        What a stream brings again is no second letter.
        """
        kept = self.table.add(letters)
        if kept:
            self.tell(letters[0].source.partition("://")[0], kept)
        return kept

    def waiting(self) -> int:
        """How many letters there are."""
        return self.table.count()

    def reasons(self, query: LetterQuery = ALL) -> list[Waiting]:
        """How many wait for which reason, the commonest first."""
        return self.table.reasons(query)

    def page(self, limit: int, query: LetterQuery = ALL, cursor: str | None = None) -> LetterPage:
        """One page; InvalidInput if the cursor is none of ours."""
        check_between("limit", limit, 1, MAX_PAGE)
        # One more than asked for tells whether there is a next page.
        found = self.table.newest(limit + 1, query, read_cursor(cursor))
        shown = tuple(found[:limit])
        is_last = len(found) <= limit
        last = None if is_last else (shown[-1].at, shown[-1].letter_id)
        return LetterPage(shown, cursor_of(last))

    def get(self, letter_id: str) -> DeadLetter:
        """One letter; NotFound."""
        found = self.table.find(letter_id)
        if found is None:
            raise _no_such(letter_id)
        return found

    def mend(self, letter_id: str, mended: bytes | None) -> DeadLetter:
        """Store what is to be taken in a letter's place; None: what came in after all. NotFound."""
        letter = self.table.mend(letter_id, mended)
        if letter is None:
            raise _no_such(letter_id)
        return letter

    def remove(self, letter_ids: Collection[str]) -> int:
        """Delete letters; returns how many there were."""
        return self.table.remove(letter_ids)

    def remove_matching(self, query: LetterQuery) -> int:
        """Delete all that match, a few at a time so that others may write; returns how many."""
        removed = 0
        while found := self.table.remove_matching(query, _REMOVED_AT_ONCE):
            removed += found
        return removed


def _no_such(letter_id: str) -> NotFound:
    return NotFound(f"there is no dead letter {letter_id}: it was taken or removed, or never was")


def cursor_of(place: tuple[int, str] | None) -> str | None:
    """The cursor of what comes after the letter of that moment and id."""
    return None if place is None else f"{place[0]}.{place[1]}"


def read_cursor(cursor: str | None) -> tuple[int, str] | None:
    """The place that a cursor stands for; InvalidInput if it is none of ours."""
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
    return int(match[1]), match[2]
