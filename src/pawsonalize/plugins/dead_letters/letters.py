"""Dead letters in their table, and the visitors whom they name."""

import base64
import json
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b

import msgspec
from msgspec.structs import asdict, force_setattr, replace
from sqlalchemy import ColumnElement, Delete, RowMapping, delete, func, select, tuple_, update

from pawsonalize.app.checks import EVERYWHERE, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.core.database.statements import in_parts, insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import erased_visitors
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.event import visitor_digest
from pawsonalize.core.limits import match_cursor, parse_id
from pawsonalize.core.times import iso, parse_moment
from pawsonalize.events.erasure.tables import ErasedNames, Erasure
from pawsonalize.events.ingest import HTTP, RefusedInput
from pawsonalize.plugins.dead_letters import DeadLetterSettings
from pawsonalize.plugins.dead_letters.tables import dead_letters

_HASH_BYTES = 16
_READ_AT_ONCE, _REMOVED_AT_ONCE = 500, 2_000
_CURSOR = re.compile(r"(\d{1,15})\.([0-9a-f-]{1,80})", re.ASCII)
_COLUMNS = dead_letters.c
_PLACE = (_COLUMNS.at, _COLUMNS.letter_id)


class DeadLetter(RefusedInput, frozen=True):
    """A refusal that is kept until it is taken in or removed."""

    # Left out, it is a new one. It follows from a place in a stream, so that a record which is read
    # twice gives one dead letter.
    letter_id: str = ""
    mended: bytes | None = None
    """Text to be taken in its place."""

    def __post_init__(self) -> None:
        if self.letter_id:
            return
        letter_id = f"{self.at:012x}{secrets.token_hex(4)}"
        if self.position is not None:
            place = f"{self.source} {self.position}".encode("utf-8", "surrogatepass")
            letter_id = blake2b(place, digest_size=10).hexdigest()
        force_setattr(self, "letter_id", letter_id)

    @property
    def newest(self) -> bytes:
        """The text to take: as it was mended, else as it came in."""
        return self.raw if self.mended is None else self.mended


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A refused event or record. `raw` is as it came in, `mended` as it is to be taken.

    Bytes that are no UTF-8 are in base64, as `rawBase64`, `mendedBase64`. `source` is `http` or the
    stream's URL, `position` its place there: shard, sequence, and index in a list.
    """

    letter_id: str
    source: str
    position: str | None = None
    dataset_group: str
    at: str
    code: str
    message: str
    field: str | None = None
    raw: str | None = None
    raw_base64: bytes | None = None
    mended: str | None = None
    mended_base64: bytes | None = None

    @classmethod
    def of(cls, letter: DeadLetter) -> "Letter":
        """Return a dead letter as it is shown and archived."""
        shown = asdict(letter) | {"at": iso(letter.at)}
        for name, data in (("raw", letter.raw), ("mended", letter.mended)):
            try:
                shown[name] = None if data is None else data.decode()
            except UnicodeDecodeError:
                shown |= {name: None, f"{name}_base64": data}
        return cls(**shown)

    def as_it_came_in(self) -> DeadLetter:
        """Return the dead letter without its mending; InvalidInput if its time is none."""
        raw = self.raw_base64 or b"" if self.raw is None else self.raw.encode()
        fields = {name: getattr(self, name) for name in DeadLetter.__struct_fields__}
        return DeadLetter(
            **fields | {"at": parse_moment(self.at, "at"), "raw": raw, "mended": None}
        )


class DeadLetterQuery(msgspec.Struct, frozen=True):
    """Selection of dead letters; None means any. `since` is inclusive, `until` is not."""

    code: str | None = None
    source: str | None = None
    since: int | None = None
    until: int | None = None
    dataset_group: str | None = None
    letter_ids: Collection[str] | None = None

    def checked(self, *, everything: bool) -> "DeadLetterQuery":
        """Return this as the choice of what to act on; InvalidInput unless it is made one way."""
        is_of_reason = everything or self.code is not None or self.source is not None
        if bool(self.letter_ids) is is_of_reason:
            message = "say which dead letters: either by their ids, or by code or source, or all"
            raise InvalidInput(message, field="letterIds")
        return self

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what their rows fulfil."""
        for name in ("code", "source", "dataset_group"):
            if (value := getattr(self, name)) is not None:
                yield _COLUMNS[name] == value
        if self.since is not None:
            yield _COLUMNS.at >= self.since
        if self.until is not None:
            yield _COLUMNS.at < self.until
        if self.letter_ids is not None:
            yield _COLUMNS.letter_id.in_(self.letter_ids)


ALL = DeadLetterQuery()


class Waiting(msgspec.Struct, frozen=True):
    """Number of dead letters that wait for one reason."""

    source: str
    code: str
    field: str | None
    count: int


class DeadLetterPage(msgspec.Struct, frozen=True):
    """Some dead letters, and the cursor of the next page, None on the last."""

    letters: tuple[DeadLetter, ...]
    next_cursor: str | None


class DeadLetters(TableAccess):
    """The dead letters of every source."""

    def keep(self, letters: Sequence[DeadLetter]) -> int:
        """Keep dead letters durably; return how many are new."""
        if not letters:
            return 0
        with self._database.writing() as connection:
            return insert_new(connection, dead_letters, [_row(letter) for letter in letters])

    def waiting(self) -> int:
        """Count the dead letters."""
        return self._scalar(select(func.count()).select_from(dead_letters)) or 0

    def size(self) -> tuple[int, int]:
        """Return the number of dead letters and their bytes. Reads each of them."""
        bytes_held = func.coalesce(func.sum(func.length(_COLUMNS.raw)), 0)
        [(count, size)] = self._rows(select(func.count(), bytes_held))
        return int(count), int(size)

    def reasons(self, query: DeadLetterQuery = ALL) -> list[Waiting]:
        """Count waiting dead letters by reason, most frequent first."""
        columns = (_COLUMNS.source, _COLUMNS.code, _COLUMNS.field)
        count = func.count()
        wanted = select(*columns, count).where(*query.conditions()).group_by(*columns)
        return [Waiting(*row) for row in self._rows(wanted.order_by(count.desc(), *columns))]

    def page(
        self,
        limit: int,
        query: DeadLetterQuery = ALL,
        cursor: str | None = None,
        *,
        oldest_first: bool = False,
    ) -> DeadLetterPage:
        """Return one page, newest first; InvalidInput if the cursor is none of ours."""
        wanted, place = select(dead_letters).where(*query.conditions()), tuple_(*_PLACE)
        if cursor is not None:
            match = match_cursor(_CURSOR, cursor)
            last = (int(match[1]), match[2])
            wanted = wanted.where(place > last if oldest_first else place < last)
        order = _PLACE if oldest_first else [column.desc() for column in _PLACE]
        # One more than requested shows whether there is a next page.
        rows = self._mappings(wanted.order_by(*order).limit(limit + 1))
        letters = tuple(map(letter_of, rows[:limit]))
        is_last = len(rows) <= limit
        next_cursor = None if is_last else f"{letters[-1].at}.{letters[-1].letter_id}"
        return DeadLetterPage(letters, next_cursor)

    def each(self, query: DeadLetterQuery = ALL) -> Iterator[DeadLetter]:
        """Yield all that match, newest first; few of them are in memory at once."""
        page = self.page(_READ_AT_ONCE, query)
        yield from page.letters
        while page.next_cursor is not None:
            page = self.page(_READ_AT_ONCE, query, page.next_cursor)
            yield from page.letters

    def get(self, letter_id: str) -> DeadLetter:
        """Return one dead letter; NotFound."""
        rows = self._mappings(select(dead_letters).where(_COLUMNS.letter_id == letter_id))
        if not rows:
            raise NotFound(
                f"there is no dead letter {letter_id}: it was taken or removed, or never was"
            )
        return letter_of(rows[0])

    def mend(self, letter_id: str, mended: bytes) -> DeadLetter:
        """Store the text to take in a dead letter's place. NotFound."""
        letter = replace(self.get(letter_id), mended=mended)
        row = update(dead_letters).where(_COLUMNS.letter_id == letter_id)
        if not self._execute(row.values(mended=mended, visitors=_row(letter)["visitors"])):
            self.get(letter_id)  # it went meanwhile
        return letter

    def settle(self, fates: Sequence[Sequence[DeadLetter]], of: Sequence[DeadLetter]) -> None:
        """Replace each dead letter by what is left of it, in one transaction."""
        # Of one that is gone meanwhile, nothing comes back.
        with self._database.writing() as connection:
            for letter, left in zip(of, fates, strict=True):
                gone = delete(dead_letters).where(_COLUMNS.letter_id == letter.letter_id)
                archived = gone.returning(_COLUMNS.archived_in, _COLUMNS.archived_at)
                row = connection.execute(archived).mappings().first()
                if left and row is not None:
                    insert_new(connection, dead_letters, [_row(part) | dict(row) for part in left])

    def remove(self, query: DeadLetterQuery) -> int:
        """Delete all that match; returns how many."""
        # A few at a time, so that others may write.
        removed = 0
        some = select(_COLUMNS.letter_id).where(*query.conditions()).limit(_REMOVED_AT_ONCE)
        while deleted := self._execute(delete(dead_letters).where(_COLUMNS.letter_id.in_(some))):
            removed += deleted
        return removed

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """See `RowsOfPlugin.deletions`: those about the visitors, or with one's name as a word."""
        erased, mentions = erased_visitors.c, Mentions(names.all)
        visitors = self._scalars(
            select(erased.visitor).where(erased.erasure_id == erasure.erasure_id)
        )
        ids = [
            letter.letter_id
            for letter, is_about in self._of_groups(groups, visitors)
            if letter.at <= erasure.noted_at
            and (is_about or mentions.among(letter.raw, letter.mended))  # rather one too many
        ]
        for part in in_parts(ids):
            yield delete(dead_letters).where(_COLUMNS.letter_id.in_(part))

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """See `RowsOfPlugin.find`."""
        return {
            (kind, name, visitor)
            for letter, is_about in self._of_groups(groups, visitors)
            if is_about
            for kind, name in names_in(letter.raw, letter.mended)
            if (visitor := visitor_digest(kind, name)) in visitors
        }

    def _of_groups(
        self, groups: Sequence[str], visitors: Collection[str]
    ) -> Iterator[tuple[DeadLetter, bool]]:
        """Yield those of some dataset groups, and whether they are about one of the visitors."""
        wanted = {bytes.fromhex(visitor) for visitor in visitors}
        letters = select(dead_letters).where(_COLUMNS.dataset_group.in_(groups))
        letters, after = letters.order_by(_COLUMNS.letter_id).limit(_READ_AT_ONCE), ""
        while rows := self._mappings(letters.where(_COLUMNS.letter_id > after)):
            for row in rows:
                packed = bytes(row["visitors"])
                starts = range(0, len(packed), _HASH_BYTES)
                hashes = (packed[start : start + _HASH_BYTES] for start in starts)
                yield letter_of(row), not wanted.isdisjoint(hashes)
            after = rows[-1]["letter_id"]


VISITOR_ROWS = (DeadLetters,)


def waiting_letters(service: CheckedService) -> Iterator[Diagnosis]:
    """Count waiting dead letters by reason, most frequent first."""
    reasons = DeadLetters(service.adapters.database).reasons()
    waiting = sum(reason.count for reason in reasons)
    if not waiting:
        yield fine("none waits")
        return
    commonest = ", ".join(f"{one.field or one.code} ({one.count:,})" for one in reasons[:3])
    text = f"{waiting:,} wait, most of them for {commonest}"
    move = (
        "look at them with `pawsonalize dead-letters ls`, mend and replay or remove them"
        " (docs/how-to/mend-dead-letters.md)"
    )
    most = service.settings.part(DeadLetterSettings).max_dead_letters
    # Senders by HTTP had an answer; those of a stream hear of it only here.
    is_bad = waiting >= most or any(reason.source != HTTP for reason in reasons)
    yield (attention if is_bad else fine)(text, move)


CHECKS = (Check("dead letters", waiting_letters, EVERYWHERE),)


def letter_of(row: RowMapping) -> DeadLetter:
    """Return the dead letter of a row of the table."""
    return DeadLetter(**{name: row[name] for name in DeadLetter.__struct_fields__})


def _row(letter: DeadLetter) -> dict[str, object]:
    hashes = sorted(map(bytes.fromhex, visitors_in(letter.raw, letter.mended)))
    return asdict(letter) | {"visitors": b"".join(hashes)}


_DEEPEST = 8  # JSON in JSON in base64 is three
_NAME = re.compile(
    r"""\b(user|session)[ _-]?id\b["']*\s*[:=]\s*"""
    r"""(?:"((?:[^"\\]|\\.)*)|'([^']*)|([^\s"',;&}\])\\]+))""",
    re.IGNORECASE,
)
_NOT_NAMES = frozenset({"", "null", "true", "false"})
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
# What may be JSON in base64: that begins so.
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[eW][A-Za-z0-9+/_-]{10,}")


def visitors_in(*texts: bytes | None) -> frozenset[str]:
    """Return the hashes of the users and sessions that the texts name."""
    return frozenset(visitor_digest(kind, name) for kind, name in names_in(*texts))


def names_in(*texts: bytes | None) -> set[tuple[str, str]]:
    """Return kind and id of the users and sessions behind `userId` and its like, in any syntax."""
    names = set[tuple[str, str]]()
    for match in (match for text in _texts(texts) for match in _NAME.finditer(text)):
        kind, double, single, bare = match.groups()
        name = next(text for text in (double, single, bare) if text is not None)
        value: object = name
        with suppress(ValueError, RecursionError):
            value = json.loads(name if bare is not None else f'"{name}"')
        with suppress(InvalidInput):  # as it is read from an event, if it can be
            name = parse_id(value, "")
        names.add((kind.lower(), name))
    return {(kind, name) for kind, name in names if name not in _NOT_NAMES}


class Mentions:
    """Finds out whether one of some names stands in a text as a word, wherever that is."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = tuple(names)
        # The longer first, as a name may begin with another one.
        either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        self._words = re.compile(rf"(?<![\w@-])(?<!\w\.)(?:{either})(?![\w@-]|\.\w)")

    def among(self, *texts: bytes | None) -> bool:
        """True if any of the texts has one of them."""
        return any(
            self._words.search(text) is not None
            for text in _texts(texts)
            if any(name in text for name in self._names)
        )


def _texts(texts: Iterable[bytes | None]) -> Iterator[str]:
    """Yield texts in whatever state they are, and those in them: unescaped, and from base64."""
    # Read as text alone, to a depth: nobody can make this slow by what they send.
    waiting = [(data.decode("utf-8", "replace"), 0) for data in texts if data]
    while waiting:
        text, depth = waiting.pop()
        yield text
        if depth == _DEEPEST:
            continue
        for coded in _BASE64.findall(text):
            whole = (
                coded[:-1] if len(coded) % 4 == 1 else coded
            )  # it is cut in the middle of a byte
            plain = base64.urlsafe_b64decode(whole + "==")
            if plain[:1] in {b"{", b"["}:
                waiting.append((plain.decode("utf-8", "replace"), depth + 1))
        if "\\" in text:
            waiting.append((_ESCAPE.sub(_unescaped, text), depth + 1))


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) == 5 else _MEANINGS.get(sign, sign)
