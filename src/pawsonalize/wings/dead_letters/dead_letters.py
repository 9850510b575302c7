"""Dead letters in the tables: kept, listed, mended, settled, removed, and erased with visitors."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    RowMapping,
    delete,
    func,
    select,
    tuple_,
    update,
)

from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.events import visitor_digest
from pawsonalize.domain.limits import check_between, match_cursor
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedNames, Erasure
from pawsonalize.storage.statements import in_parts, insert_new
from pawsonalize.storage.table_access import TableAccess
from pawsonalize.storage.tables import erased_visitors
from pawsonalize.wings.dead_letters.letters import DeadLetter, Mentions, names_in, visitors_in
from pawsonalize.wings.dead_letters.tables import dead_letters

MAX_PAGE = 500
HASH_BYTES: Final = 16
_AT_ONCE = 500
_REMOVED_AT_ONCE = 2_000
_CURSOR = re.compile(r"(\d{1,15})\.([0-9a-f-]{1,80})", re.ASCII)
_COLUMNS = dead_letters.c
_PLACE = (_COLUMNS.at, _COLUMNS.letter_id)
_ARCHIVED = (_COLUMNS.archived_in, _COLUMNS.archived_at)
OF_A_LETTER = [_COLUMNS[name] for name in DeadLetter.__struct_fields__]


class LetterQuery(msgspec.Struct, frozen=True):
    """Selection of letters; None means any. `since` is inclusive, `until` is not."""

    code: str | None = None
    source: str | None = None
    since: int | None = None
    until: int | None = None
    dataset_group: str | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what their rows fulfil."""
        for name in ("code", "source", "dataset_group"):
            if (value := getattr(self, name)) is not None:
                yield _COLUMNS[name] == value
        if self.since is not None:
            yield _COLUMNS.at >= self.since
        if self.until is not None:
            yield _COLUMNS.at < self.until


ALL = LetterQuery()


class Waiting(msgspec.Struct, frozen=True):
    """Number of letters that wait for one reason."""

    source: str
    code: str
    field: str | None
    count: int


def letter_of(row: Mapping[Any, Any]) -> DeadLetter:
    """The letter that a row of these columns is."""
    return DeadLetter(**{column.name: row[column] for column in OF_A_LETTER})


class LetterPage(msgspec.Struct, frozen=True):
    """Letters, newest first, and the cursor of the next page, None on the last."""

    letters: tuple[DeadLetter, ...]
    next_cursor: str | None


class DeadLetters(TableAccess):
    """The dead letters of every source.

    `tell` is called with the kind of source, `http`, `kinesis` …, and the number of new letters.
    """

    def __init__(
        self, database: Database, tell: Callable[[str, int], object] = lambda _kind, _count: None
    ) -> None:
        super().__init__(database)
        self._tell = tell

    def keep(self, letters: Sequence[DeadLetter]) -> int:
        """Keep letters of one source durably; return how many are new."""
        if not letters:
            return 0
        with self._database.writing() as connection:
            kept = insert_new(connection, dead_letters, [_row(one) for one in letters])
        if kept:
            self._tell(letters[0].source.partition("://")[0], kept)
        return kept

    def waiting(self) -> int:
        """Count the letters."""
        return self._scalar(select(func.count()).select_from(dead_letters)) or 0

    def size(self) -> tuple[int, int]:
        """Return the number of letters and their bytes. Reads each of them."""
        bytes_held = func.coalesce(func.sum(func.length(_COLUMNS.raw)), 0)
        [(count, size)] = self._rows(select(func.count(), bytes_held))
        return int(count), int(size)

    def reasons(self, query: LetterQuery = ALL) -> list[Waiting]:
        """Count waiting letters by reason, most frequent first."""
        columns = (_COLUMNS.source, _COLUMNS.code, _COLUMNS.field)
        many = func.count()
        wanted = select(*columns, many).where(*query.conditions()).group_by(*columns)
        return [Waiting(*row) for row in self._rows(wanted.order_by(many.desc(), *columns))]

    def page(self, limit: int, query: LetterQuery = ALL, cursor: str | None = None) -> LetterPage:
        """Return one page, newest first; InvalidInput if the cursor is none of ours."""
        check_between("limit", limit, 1, MAX_PAGE)
        before = read_cursor(cursor)
        beyond = () if before is None else (tuple_(*_PLACE) < before,)
        newest_first = [one.desc() for one in _PLACE]
        # One more than requested shows whether there is a next page.
        shown = self._select(query, *beyond, order=newest_first, limit=limit + 1)
        last = place_of(shown[limit - 1]) if len(shown) > limit else None
        return LetterPage(tuple(shown[:limit]), cursor_of(last))

    def oldest(
        self, limit: int, query: LetterQuery = ALL, after: tuple[int, str] | None = None
    ) -> list[DeadLetter]:
        """Return at most `limit` letters, oldest first; those `after` that moment and id."""
        beyond = () if after is None else (tuple_(*_PLACE) > after,)
        return self._select(query, *beyond, order=_PLACE, limit=limit)

    def _select(self, query: LetterQuery, *more: Any, order: Any, limit: int) -> list[DeadLetter]:
        wanted = select(*OF_A_LETTER).where(*query.conditions(), *more)
        return [letter_of(row) for row in self._mappings(wanted.order_by(*order).limit(limit))]

    def get(self, letter_id: str) -> DeadLetter:
        """Return one letter; NotFound."""
        return self._with(_one, letter_id)

    def mend(self, letter_id: str, mended: bytes | None) -> DeadLetter:
        """Store the text to take in a letter's place; None: what came in after all. NotFound."""
        with self._database.writing() as connection:
            letter = replace(_one(connection, letter_id), mended=mended)
            changed = update(dead_letters).where(_COLUMNS.letter_id == letter_id)
            connection.execute(changed.values(mended=mended, visitors=_packed(letter)))
        return letter

    def settle(self, fates: Sequence[Sequence[DeadLetter]], of: Sequence[DeadLetter]) -> None:
        """Replace each letter by what is left of it, in one transaction."""
        # Of a letter that is gone meanwhile, nothing comes back.
        with self._database.writing() as connection:
            for letter, left in zip(of, fates, strict=True):
                this = _COLUMNS.letter_id == letter.letter_id
                found = connection.execute(select(*_ARCHIVED).where(this)).mappings().first()
                if found is None:
                    continue
                connection.execute(delete(dead_letters).where(this))
                if rows := [_row(one) | dict(found) for one in left]:
                    insert_new(connection, dead_letters, rows)

    def remove(self, letter_ids: Collection[str]) -> int:
        """Delete letters by their ids; returns how many those were."""
        with self._database.writing() as connection:
            deleted = 0
            for part in in_parts(list(letter_ids)):
                these = delete(dead_letters).where(_COLUMNS.letter_id.in_(part))
                deleted += connection.execute(these).rowcount
        return deleted

    def remove_matching(self, query: LetterQuery) -> int:
        """Delete all that match; returns how many."""
        # A few at a time, so that others may write.
        removed = 0
        found = select(_COLUMNS.letter_id).where(*query.conditions()).limit(_REMOVED_AT_ONCE)
        while deleted := self._execute(delete(dead_letters).where(_COLUMNS.letter_id.in_(found))):
            removed += deleted
        return removed


def _row(letter: DeadLetter) -> dict[str, Any]:
    return asdict(letter) | {"visitors": _packed(letter)}


def place_of(letter: DeadLetter) -> tuple[int, str]:
    """Return the place of a letter in the order of pages."""
    return letter.at, letter.letter_id


def _packed(letter: DeadLetter) -> bytes:
    return b"".join(sorted(map(bytes.fromhex, visitors_in(letter.raw, letter.mended))))


def _one(connection: Connection, letter_id: str) -> DeadLetter:
    wanted = select(*OF_A_LETTER).where(_COLUMNS.letter_id == letter_id)
    if (row := connection.execute(wanted).mappings().first()) is None:
        raise NotFound(
            f"there is no dead letter {letter_id}: it was taken or removed, or never was"
        )
    return letter_of(row)


def cursor_of(place: tuple[int, str] | None) -> str | None:
    """The cursor of what comes after the letter of that moment and id."""
    return None if place is None else f"{place[0]}.{place[1]}"


def read_cursor(cursor: str | None) -> tuple[int, str] | None:
    """The place that a cursor stands for; InvalidInput if it is none of ours."""
    if cursor is None:
        return None
    match = match_cursor(_CURSOR, cursor)
    return int(match[1]), match[2]


class VisitorLetters(TableAccess):
    """The letters in the table that are about visitors."""

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """See `RowsOfWing.deletions`: letters about the visitors, or with one's name as a word."""
        who = erased_visitors.c
        mine = select(who.visitor).where(who.erasure_id == erasure.erasure_id)
        wanted = {bytes.fromhex(one) for one in self._scalars(mine)}
        mentions = Mentions(names.all)
        for rows in self._pages(groups):
            found = [
                row["letter_id"]
                for row in rows
                if row["at"] <= erasure.noted_at
                and (
                    not wanted.isdisjoint(hashes_of(row["visitors"]))
                    or mentions.among(row["raw"], row["mended"])  # rather one too many
                )
            ]
            if found:
                yield delete(dead_letters).where(_COLUMNS.letter_id.in_(found))

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """See `RowsOfWing.find`."""
        wanted = {bytes.fromhex(one) for one in visitors}
        named = {
            (kind, name, visitor_digest(kind, name))
            for rows in self._pages(groups)
            for row in rows
            if not wanted.isdisjoint(hashes_of(row["visitors"]))
            for kind, name in names_in(row["raw"], row["mended"])
        }
        return {one for one in named if one[2] in visitors}

    def _pages(self, groups: Sequence[str]) -> Iterator[Sequence[RowMapping]]:
        columns = [_COLUMNS[name] for name in ("letter_id", "at", "visitors", "raw", "mended")]
        letters = select(*columns).where(_COLUMNS.dataset_group.in_(groups))
        letters, after = letters.order_by(_COLUMNS.letter_id).limit(_AT_ONCE), ""
        while rows := self._mappings(letters.where(_COLUMNS.letter_id > after)):
            yield rows
            after = rows[-1]["letter_id"]


def hashes_of(packed: bytes) -> list[bytes]:
    """The hashes that a letter was stored with."""
    return [bytes(packed[n : n + HASH_BYTES]) for n in range(0, len(packed), HASH_BYTES)]


VISITOR_ROWS = (VisitorLetters,)
