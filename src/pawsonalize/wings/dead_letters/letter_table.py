"""The table of dead letters: what could not be taken, until it is mended or removed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import in_parts, insert_new
from pawsonalize.wings.dead_letters.letters import DeadLetter, visitors_in
from pawsonalize.wings.dead_letters.tables import dead_letters

_COLUMNS = dead_letters.c
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


ALL = LetterQuery()


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many letters wait for one reason."""

    source: str
    code: str
    field: str | None
    count: int


class DeadLetterTable:
    """Dead letters, the newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, letters: Sequence[DeadLetter]) -> int:
        """Store those whose ids are not there yet; returns how many those were."""
        rows = [asdict(one) | {"visitors": _packed(one)} for one in letters]
        if not rows:
            return 0
        with self._database.writing() as connection:
            return insert_new(connection, dead_letters, rows)

    def count(self) -> int:
        """How many letters there are."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(dead_letters)) or 0

    def size(self) -> tuple[int, int]:
        """How many letters there are, and their bytes. Looks at each of them."""
        bytes_held = func.coalesce(func.sum(func.length(_COLUMNS.raw)), 0)
        with self._database.reading() as connection:
            row = connection.execute(select(func.count(), bytes_held)).one()
        return int(row[0]), int(row[1])

    def find(self, letter_id: str) -> DeadLetter | None:
        """The letter of that id, or None."""
        wanted = select(*OF_A_LETTER).where(_COLUMNS.letter_id == letter_id)
        with self._database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else letter_of(row)

    def newest(
        self, limit: int, query: LetterQuery = ALL, before: tuple[int, str] | None = None
    ) -> list[DeadLetter]:
        """At most `limit` letters, newest first; those `before` that moment and id."""
        wanted = select(*OF_A_LETTER).where(*_conditions(query))
        if before is not None:
            at, letter_id = before
            same = and_(_COLUMNS.at == at, _COLUMNS.letter_id < letter_id)
            wanted = wanted.where(or_(_COLUMNS.at < at, same))
        wanted = wanted.order_by(_COLUMNS.at.desc(), _COLUMNS.letter_id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [letter_of(row) for row in connection.execute(wanted).mappings()]

    def oldest(
        self, limit: int, query: LetterQuery = ALL, after: tuple[int, str] | None = None
    ) -> list[DeadLetter]:
        """At most `limit` letters, oldest first; those `after` that moment and id."""
        wanted = select(*OF_A_LETTER).where(*_conditions(query))
        if after is not None:
            at, letter_id = after
            same = and_(_COLUMNS.at == at, _COLUMNS.letter_id > letter_id)
            wanted = wanted.where(or_(_COLUMNS.at > at, same))
        wanted = wanted.order_by(_COLUMNS.at, _COLUMNS.letter_id).limit(limit)
        with self._database.reading() as connection:
            return [letter_of(row) for row in connection.execute(wanted).mappings()]

    def reasons(self, query: LetterQuery = ALL) -> list[Waiting]:
        """How many wait for which reason, the commonest first."""
        columns = (_COLUMNS.source, _COLUMNS.code, _COLUMNS.field)
        many = func.count()
        wanted = select(*columns, many).where(*_conditions(query)).group_by(*columns)
        with self._database.reading() as connection:
            found = connection.execute(wanted.order_by(many.desc(), *columns)).all()
        return [Waiting(*row) for row in found]

    def mend(self, letter_id: str, mended: bytes | None) -> DeadLetter | None:
        """Store what is to be taken in its place; the letter then, or None if there is none."""
        with self._database.writing() as connection:
            this = _COLUMNS.letter_id == letter_id
            row = connection.execute(select(*OF_A_LETTER).where(this)).mappings().first()
            if row is None:
                return None
            letter = replace(letter_of(row), mended=mended)
            changed = {"mended": mended, "visitors": _packed(letter)}
            connection.execute(update(dead_letters).where(this).values(**changed))
        return letter

    def settle(self, fates: Sequence[Sequence[DeadLetter]], of: Sequence[DeadLetter]) -> None:
        """Put what is left of each letter in its place: nothing, itself, or letters of its parts.

        In one transaction. Of a letter that is gone meanwhile, nothing comes back.
        """
        with self._database.writing() as connection:
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
        with self._database.writing() as connection:
            deleted = 0
            for part in in_parts(list(letter_ids)):
                these = delete(dead_letters).where(_COLUMNS.letter_id.in_(part))
                deleted += connection.execute(these).rowcount
        return deleted

    def remove_matching(self, query: LetterQuery, limit: int) -> int:
        """Delete at most `limit` letters that match; returns how many those were."""
        found = select(_COLUMNS.letter_id).where(*_conditions(query)).limit(limit)
        with self._database.writing() as connection:
            these = delete(dead_letters).where(_COLUMNS.letter_id.in_(found))
            return connection.execute(these).rowcount


def _conditions(query: LetterQuery) -> Iterator[ColumnElement[bool]]:
    if query.code is not None:
        yield _COLUMNS.code == query.code
    if query.source is not None:
        yield _COLUMNS.source == query.source
    if query.since is not None:
        yield _COLUMNS.at >= query.since
    if query.until is not None:
        yield _COLUMNS.at < query.until
    if query.dataset_group is not None:
        yield _COLUMNS.dataset_group == query.dataset_group


def _packed(letter: DeadLetter) -> bytes:
    """The hashes of whoever a letter is about, one behind the other."""
    return b"".join(sorted(map(bytes.fromhex, visitors_in(letter.raw, letter.mended))))


def letter_of(row: Mapping[Any, Any]) -> DeadLetter:
    """The letter that a row of these columns is."""
    return DeadLetter(**{column.name: row[column] for column in OF_A_LETTER})
