"""Keeps what could not be taken: to be looked at, mended, replayed or removed."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Delete, delete, func, select, tuple_, update

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.events import visitor_digest
from pawsonalize.domain.limits import check_between
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedNames, Erasure
from pawsonalize.storage.statements import in_parts, insert_new
from pawsonalize.storage.tables import erased_visitors
from pawsonalize.wings.dead_letters.letters import DeadLetter, Mentions, names_in, visitors_in
from pawsonalize.wings.dead_letters.tables import dead_letters

MAX_PAGE = 500
_REMOVED_AT_ONCE = 2_000
_CURSOR = re.compile(r"(\d{1,15})\.([0-9a-f-]{1,80})", re.ASCII)
_COLUMNS = dead_letters.c
_PLACE = (_COLUMNS.at, _COLUMNS.letter_id)
_ARCHIVED = (_COLUMNS.archived_in, _COLUMNS.archived_at)
OF_A_LETTER = [_COLUMNS[name] for name in DeadLetter.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which letters; None means any."""

    code: str | None = None
    source: str | None = None
    since: int | None = None
    """Those that came in at or after this moment."""
    until: int | None = None
    """Those that came in before this moment."""
    dataset_group: str | None = None
    """Those that were to go into this dataset group."""

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


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many letters wait for one reason."""

    source: str
    code: str
    field: str | None
    count: int


def letter_of(row: Mapping[Any, Any]) -> DeadLetter:
    """The letter that a row of these columns is."""
    return DeadLetter(**{column.name: row[column] for column in OF_A_LETTER})


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Letters, newest first, and the cursor of the next page, None on the last."""

    letters: tuple[DeadLetter, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters of every source."""

    database: Database
    tell: Callable[[str, int], object] = lambda _kind, _count: None
    """Is told how many new letters were kept of which kind of source: `http`, `kinesis` …"""

    def keep(self, letters: Sequence[DeadLetter]) -> int:
        """Keep letters of one source; they are durable on return. Returns how many are new.

        What a stream brings again is no second letter.
        """
        rows = [asdict(one) | {"visitors": _packed(one)} for one in letters]
        if not rows:
            return 0
        with self.database.writing() as connection:
            kept = insert_new(connection, dead_letters, rows)
        if kept:
            self.tell(letters[0].source.partition("://")[0], kept)
        return kept

    def waiting(self) -> int:
        """How many letters there are."""
        with self.database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(dead_letters)) or 0

    def size(self) -> tuple[int, int]:
        """How many letters there are, and their bytes. Looks at each of them."""
        bytes_held = func.coalesce(func.sum(func.length(_COLUMNS.raw)), 0)
        with self.database.reading() as connection:
            row = connection.execute(select(func.count(), bytes_held)).one()
        return int(row[0]), int(row[1])

    def reasons(self, query: LetterQuery = ALL) -> list[Waiting]:
        """Count waiting letters by reason, most frequent first."""
        columns = (_COLUMNS.source, _COLUMNS.code, _COLUMNS.field)
        many = func.count()
        wanted = select(*columns, many).where(*query.conditions()).group_by(*columns)
        with self.database.reading() as connection:
            found = connection.execute(wanted.order_by(many.desc(), *columns)).all()
        return [Waiting(*row) for row in found]

    def page(self, limit: int, query: LetterQuery = ALL, cursor: str | None = None) -> LetterPage:
        """One page; InvalidInput if the cursor is none of ours."""
        check_between("limit", limit, 1, MAX_PAGE)
        # One more than asked for tells whether there is a next page.
        found = self.newest(limit + 1, query, read_cursor(cursor))
        shown = tuple(found[:limit])
        is_last = len(found) <= limit
        last = None if is_last else (shown[-1].at, shown[-1].letter_id)
        return LetterPage(shown, cursor_of(last))

    def newest(
        self, limit: int, query: LetterQuery = ALL, before: tuple[int, str] | None = None
    ) -> list[DeadLetter]:
        """At most `limit` letters, newest first; those `before` that moment and id."""
        wanted = select(*OF_A_LETTER).where(*query.conditions())
        if before is not None:
            wanted = wanted.where(tuple_(*_PLACE) < before)
        wanted = wanted.order_by(*(one.desc() for one in _PLACE)).limit(limit)
        with self.database.reading() as connection:
            return [letter_of(row) for row in connection.execute(wanted).mappings()]

    def oldest(
        self, limit: int, query: LetterQuery = ALL, after: tuple[int, str] | None = None
    ) -> list[DeadLetter]:
        """At most `limit` letters, oldest first; those `after` that moment and id."""
        wanted = select(*OF_A_LETTER).where(*query.conditions())
        if after is not None:
            wanted = wanted.where(tuple_(*_PLACE) > after)
        with self.database.reading() as connection:
            found = connection.execute(wanted.order_by(*_PLACE).limit(limit))
            return [letter_of(row) for row in found.mappings()]

    def get(self, letter_id: str) -> DeadLetter:
        """One letter; NotFound."""
        wanted = select(*OF_A_LETTER).where(_COLUMNS.letter_id == letter_id)
        with self.database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            raise _no_such(letter_id)
        return letter_of(row)

    def mend(self, letter_id: str, mended: bytes | None) -> DeadLetter:
        """Store what is to be taken in a letter's place; None: what came in after all. NotFound."""
        with self.database.writing() as connection:
            this = _COLUMNS.letter_id == letter_id
            row = connection.execute(select(*OF_A_LETTER).where(this)).mappings().first()
            if row is None:
                raise _no_such(letter_id)
            letter = replace(letter_of(row), mended=mended)
            changed = {"mended": mended, "visitors": _packed(letter)}
            connection.execute(update(dead_letters).where(this).values(**changed))
        return letter

    def settle(self, fates: Sequence[Sequence[DeadLetter]], of: Sequence[DeadLetter]) -> None:
        """Put what is left of each letter in its place: nothing, itself, or letters of its parts.

        In one transaction. Of a letter that is gone meanwhile, nothing comes back.
        """
        with self.database.writing() as connection:
            for letter, left in zip(of, fates, strict=True):
                this = _COLUMNS.letter_id == letter.letter_id
                found = connection.execute(select(*_ARCHIVED).where(this)).mappings().first()
                if found is None:
                    continue
                connection.execute(delete(dead_letters).where(this))
                rows = [asdict(one) | {"visitors": _packed(one)} | dict(found) for one in left]
                if rows:
                    insert_new(connection, dead_letters, rows)

    def remove(self, letter_ids: Collection[str]) -> int:
        """Delete letters by their ids; returns how many those were."""
        with self.database.writing() as connection:
            deleted = 0
            for part in in_parts(list(letter_ids)):
                these = delete(dead_letters).where(_COLUMNS.letter_id.in_(part))
                deleted += connection.execute(these).rowcount
        return deleted

    def remove_matching(self, query: LetterQuery) -> int:
        """Delete all that match, a few at a time so that others may write; returns how many."""
        removed = 0
        found = select(_COLUMNS.letter_id).where(*query.conditions()).limit(_REMOVED_AT_ONCE)
        these = delete(dead_letters).where(_COLUMNS.letter_id.in_(found))
        while True:
            with self.database.writing() as connection:
                deleted = connection.execute(these).rowcount
            if not deleted:
                return removed
            removed += deleted


def _packed(letter: DeadLetter) -> bytes:
    """The hashes of the visitors that a letter is about, one behind the other."""
    return b"".join(sorted(map(bytes.fromhex, visitors_in(letter.raw, letter.mended))))


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


HASH_BYTES: Final = 16
_AT_ONCE = 500


class VisitorLetters:
    """The letters in the table that are about visitors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """See `RowsOfWing.deletions`.

        Those that were found to be about one of the visitors go, and those that have a name of one
        as a word anywhere: rather one letter too many.
        """
        who = erased_visitors.c
        mine = select(who.visitor).where(who.erasure_id == erasure.erasure_id)
        with self._database.reading() as connection:
            wanted = {bytes.fromhex(one) for one in connection.scalars(mine)}
        mentions = Mentions((*names.users, *names.sessions))
        for rows in _pages(self._database, groups):
            found = [
                row["letter_id"]
                for row in rows
                if row["at"] <= erasure.noted_at
                and (
                    not wanted.isdisjoint(hashes_of(row["visitors"]))
                    or mentions.among(row["raw"], row["mended"])
                )
            ]
            if found:
                yield delete(dead_letters).where(_COLUMNS.letter_id.in_(found))

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """See `RowsOfWing.find`."""
        wanted = {bytes.fromhex(one) for one in visitors}
        found = set()
        for rows in _pages(self._database, groups):
            for row in rows:
                if not wanted.isdisjoint(hashes_of(row["visitors"])):
                    found |= names_in(row["raw"], row["mended"])
        named = {(kind, name, visitor_digest(kind, name)) for kind, name in found}
        return {one for one in named if one[2] in visitors}


def hashes_of(packed: bytes) -> list[bytes]:
    """The hashes that a letter was stored with."""
    return [bytes(packed[n : n + HASH_BYTES]) for n in range(0, len(packed), HASH_BYTES)]


def _pages(database: Database, groups: Sequence[str]) -> Iterator[list[Mapping[Any, Any]]]:
    """Every letter of the dataset groups, a few at a time."""
    columns = ("letter_id", "at", "visitors", "raw", "mended")
    after = ""
    while True:
        page = (
            select(*(_COLUMNS[name] for name in columns))
            .where(_COLUMNS.dataset_group.in_(groups), _COLUMNS.letter_id > after)
            .order_by(_COLUMNS.letter_id)
            .limit(_AT_ONCE)
        )
        with database.reading() as connection:
            rows = list(connection.execute(page).mappings())
        if not rows:
            return
        yield list(rows)
        after = rows[-1]["letter_id"]


VISITOR_ROWS = (VisitorLetters,)
