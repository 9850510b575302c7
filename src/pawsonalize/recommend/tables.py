"""Impressions: the answers that were given, by recommendation id."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import compress
from typing import Any, Final

import msgspec
import zstandard
from sqlalchemy import Connection, Select, bindparam, delete, func, select

from pawsonalize.animals.tables.animals import (
    add_shown,
    add_shown_animals,
    first_places,
    read_shown,
)
from pawsonalize.core.database.statements import PreparedSelect, rows_of
from pawsonalize.core.database.table_access import GroupTables
from pawsonalize.core.database.tables import impressions
from pawsonalize.core.event import (
    DEFAULT_DATASET_GROUP,
    SESSION,
    USER,
    Visitor,
    owning_group,
    visitor_digest,
)
from pawsonalize.events.erasure.tables import last_noted, noted_at

# There are many more answers than events, each with tens of places. So ids are kept as numbers, and
# places compressed: a page of twenty animals took 4.4 KB of SQLite with its indexes as text, and
# takes 1.0 KB (`benchmarks.disk`).
_PREFIX = "RID-"
_OTHER = b"\xff"  # before an id of another form; no UUID of this age begins so
_UUID_BYTES = 16
_LEVEL = 3  # beyond, a twentieth smaller for two to five times the work


def packed_id(recommendation_id: str) -> bytes:
    """The id as bytes. Ids of answers have the order of time, packed or not."""
    if not recommendation_id:
        return b""
    with suppress(ValueError):
        digits = bytes.fromhex(recommendation_id.removeprefix(_PREFIX).replace("-", ""))
        # Only an id that comes back the same is a number.
        if unpacked_id(digits) == recommendation_id:
            return digits
    return _OTHER + recommendation_id.encode("utf-8", "surrogatepass")


def unpacked_id(packed: bytes) -> str:
    """The id that these bytes stand for."""
    if packed.startswith(_OTHER):
        return packed[1:].decode("utf-8", "surrogatepass")
    text = packed.hex()
    if len(packed) != _UUID_BYTES:  # those of before were digits without dashes
        return _PREFIX + text
    return f"{_PREFIX}{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class _OfThread(threading.local):
    def __init__(self) -> None:
        # To make one takes longer than to use it, and only one thread may use it.
        self.compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_OF_THREAD = _OfThread()


def pack(value: object) -> bytes:
    """The bytes of a value as compressed JSON, which keeps numbers to the last digit."""
    return _OF_THREAD.compress(msgspec.json.encode(value))


def unpack(data: bytes) -> bytes:
    """The JSON of a packed value."""
    return _OF_THREAD.decompress(data)


_Animals = tuple[tuple[str, ...], ...]
_Factors = tuple[tuple[float, ...], ...]
_DECODE_ANIMALS = msgspec.json.Decoder(_Animals).decode
_DECODE_PLACES = msgspec.json.Decoder(
    tuple[tuple[str, ...], tuple[float, ...] | None, _Factors | None]
).decode


RECOMMENDATION: Final = "recommendation"
RANKING: Final = "ranking"
ANIMALS: Final = "animals"
ANIMAL_RANKING: Final = "animal-ranking"
# Beside an animal's own page: who looks past them says nothing of what is wanted.
SIMILAR_ANIMALS: Final = "similar-animals"
# Animals to choose among. It is no page: of what was not picked nobody knows if it was seen.
BOARD: Final = "board"

SEARCH: Final = "search"

ALERT: Final = "alert"
"""One animal that a visitor is told of by a message. No page: nobody chose."""

PAGES: Final = (ANIMALS, ANIMAL_RANKING, SEARCH)
"""The answers of animals that choices are learned from."""


class Impression(msgspec.Struct, frozen=True):
    """One answer as it was given."""

    recommendation_id: str
    question: str  # one of the kinds above
    user_id: str | None
    session_id: str | None
    answered_at: int
    as_of: int  # the moment that the answer is true of; differs from `answered_at` in a replay
    solution_version: str  # the version that answered
    # The items in order. In an answer of animals: the group of each place.
    item_ids: tuple[str, ...]
    # For each place, the probability of its item given those before it. None for an answer that
    # never explores.
    propensities: tuple[float, ...] | None = None
    dataset_group: str = DEFAULT_DATASET_GROUP
    animal_ids: _Animals | None = None  # in an answer of animals: the animals of each place
    factors: _Factors | None = None
    """In an answer of animals, for each place: the parts of its utility without their weights, in
    the order of `engine.serving.animals.settings.PARTS`."""
    # Of a search: its words and how they were read, as JSON; None where searches are not kept.
    search: str | None = None
    live_test: str | None = None
    """Of an answer in a live test: see `live_tests.mark`; None for any other."""

    @property
    def is_seen(self) -> bool:
        """True if somebody sees its items: not in a replay, nor in a caller's ranked list."""
        shown = {RECOMMENDATION, ANIMALS, SIMILAR_ANIMALS, BOARD, SEARCH, ALERT}
        return self.question in shown and self.as_of == self.answered_at


class Impressions(GroupTables):
    """The answers; `append`, `forget` and `versions_after` are about all dataset groups."""

    def append(self, batch: Sequence[Impression]) -> None:
        """Store in one transaction; answers to visitors who were erased since are left out."""
        if batch:
            with self._database.writing() as connection:
                self.add_to(connection, batch)

    @staticmethod
    def add_to(connection: Connection, batch: Sequence[Impression]) -> None:
        """Store within a transaction that writes other things as well."""
        rows = [_row(shown) for shown in batch]
        if erased := _erased_since(connection, batch):
            kept = [one.recommendation_id not in erased for one in batch]
            rows, batch = list(compress(rows, kept)), list(compress(batch, kept))
        if not rows:
            return
        seen = [one for one in batch if one.is_seen]
        connection.execute(impressions.insert(), rows)
        lists = [(one.dataset_group, one.answered_at, one.item_ids) for one in seen]
        add_shown(connection, lists)
        first = first_places
        animals = [(one.answered_at, first(one.animal_ids)) for one in seen if one.animal_ids]
        add_shown_animals(connection, animals)

    def get(self, recommendation_id: str) -> Impression | None:
        """One answer, or None."""
        name = {"name": packed_id(recommendation_id), "group": self._dataset_group}
        rows = self._database.rows(_BY_ID, name)
        return _impression(rows[0]) if rows else None

    def between(self, since: int, until: int, after: str, limit: int) -> list[Impression]:
        """Answers given from `since` to before `until`, by id, beyond the id `after`."""
        of_time = (impressions.c.answered_at >= since, impressions.c.answered_at < until)
        wanted = select(*_WHOLE).where(_key > packed_id(after), self._mine(impressions), *of_time)
        return self._read(wanted.order_by(_key).limit(limit))

    def versions_after(self, ids: Sequence[str], limit: int) -> list[tuple[int, str]]:
        """Moments and versions of the first `limit` answers from each of these ids on."""
        columns = (impressions.c.answered_at, impressions.c.solution_version)
        wanted = select(*columns).where(_key >= bindparam("first")).order_by(_key).limit(limit)
        found: set[tuple[int, str]] = set()
        with self._database.reading() as connection:
            for one in ids:
                rows = connection.execute(wanted, {"first": packed_id(one)})
                found.update((at, version) for at, version in rows)
        return sorted(found)

    def pages(self, after: str, limit: int) -> list[Impression]:
        """Answers of animals with ids beyond that one, by id, which is the order of time."""
        # At most so many. They are bare: without items, propensities and factors, which would take
        # most of the memory; `get_many` has them.
        wanted = self._pages().where(_key > packed_id(after))
        return self._read(wanted.order_by(_key).limit(limit))

    def newest_pages(self, limit: int) -> list[Impression]:
        """The newest answers of animals, in the order of ids; bare as those of `pages`."""
        newest = self._pages().order_by(_key.desc()).limit(limit)
        return self._read(newest)[::-1]

    def newest_searches(self, limit: int) -> list[Impression]:
        """The newest searches that were kept, bare as those of `pages`, newest first."""
        ours = select(*_BARE).where(impressions.c.search.is_not(None), self._mine(impressions))
        return self._read(ours.order_by(_key.desc()).limit(limit))

    def of_live_test(self, name: str, since: int, after: str, limit: int) -> list[Impression]:
        """Answers in a live test given since that moment, by id, beyond the id `after`."""
        begins = func.substr(impressions.c.live_test, 1, len(name) + 1) == f"{name}:"
        later = (_key > packed_id(after), impressions.c.answered_at >= since)
        wanted = select(*_WHOLE).where(*later, impressions.c.live_test.is_not(None), begins)
        return self._read(wanted.where(self._mine(impressions)).order_by(_key).limit(limit))

    def get_many(self, recommendation_ids: Sequence[str]) -> dict[str, Impression]:
        """Those of these answers that are stored, by id."""
        ours = select(*_WHOLE).where(self._mine(impressions))
        rows = self._with(rows_of, ours, _key, map(packed_id, recommendation_ids))
        return {one.recommendation_id: one for one in map(_impression, rows)}

    def pages_of(self, visitor: Visitor, at: int, limit: int) -> list[Impression]:
        """The newest pages and boards before `at`: `limit` of user and session each."""
        arguments = {"group": self._dataset_group, "at": at, "limit": limit}
        found: dict[bytes, Sequence[object]] = {}
        for column, name in (("user_id", visitor.user_id), ("session_id", visitor.session_id)):
            if name is not None:
                rows = self._database.rows(_PAGES_BY[column], {**arguments, "visitor": name})
                found |= {row[0]: row for row in rows}  # most are in both, and unpacked once
        pages = map(_impression, found.values())
        return sorted(pages, key=lambda page: page.as_of, reverse=True)

    def _pages(self) -> Select[object]:
        no_board = impressions.c.question != BOARD
        return select(*_BARE).where(*_OF_PAGES, no_board, self._mine(impressions))

    def _read(self, wanted: Select[object]) -> list[Impression]:
        return [_impression(row) for row in self._rows(wanted)]

    def forget(self, before: int, first_id: str, limit: int) -> int:
        """Delete up to so many of the answers given before that moment; returns how many."""
        # `first_id` is the least id that an answer of then may have, so that no newer one is read.
        # How often items and animals were shown is kept: see `shown` and `AnimalExposures`.
        before_id = (_key < packed_id(first_id), impressions.c.answered_at < before)
        oldest = select(_key).where(*before_id).order_by(_key).limit(limit)
        return self._execute(delete(impressions).where(_key.in_(oldest)))

    def shown(self, at: int) -> dict[str, float]:
        """Return how often each item was shown. A showing 30 days before `at` counts half."""
        # Two things count: the first 25 places of answers that are seen, and the impressions of
        # events without a recommendation id. (With one, the event reports an answer, which counts
        # already.) Items that were never shown are left out.
        return self._with(read_shown, self._dataset_group, at)


_key = impressions.c.recommendation_id
_OF_PAGES = (
    impressions.c.animal_ids.is_not(None),
    impressions.c.question != SIMILAR_ANIMALS,
    impressions.c.question != ALERT,
)
_COPIED = tuple(
    column.key
    for column in impressions.columns
    if column.key not in {"recommendation_id", "animal_ids", "places"}
)
_BARE = [impressions.c[name] for name in ("recommendation_id", *_COPIED, "animal_ids")]
_WHOLE = [*_BARE, impressions.c.places]
_BY_ID = PreparedSelect(
    select(*_WHOLE).where(
        _key == bindparam("name"), impressions.c.dataset_group == bindparam("group")
    )
)
_PAGES_BY = {
    name: PreparedSelect(
        select(*_WHOLE)
        .where(
            impressions.c[name] == bindparam("visitor"),
            impressions.c.dataset_group == bindparam("group"),
            *_OF_PAGES,
            impressions.c.as_of < bindparam("at"),
        )
        .order_by(impressions.c.as_of.desc())
        .limit(bindparam("limit"))
    )
    for name in ("user_id", "session_id")
}


def _row(shown: Impression) -> dict[str, object]:
    # Not asdict: it copies every value deeply, and this runs once per answer.
    row = {name: getattr(shown, name) for name in _COPIED}
    row["recommendation_id"] = packed_id(shown.recommendation_id)
    row["animal_ids"] = None if shown.animal_ids is None else pack(shown.animal_ids)
    row["places"] = pack((shown.item_ids, shown.propensities, shown.factors))
    return row


def _erased_since(connection: Connection, batch: Sequence[Impression]) -> set[str]:
    """The ids of answers to visitors who were noted for erasure after they got them."""
    latest = last_noted(connection)
    late = [one for one in batch if one.answered_at <= latest]
    if not late:  # as a rule; it costs one look at the end of an index
        return set()
    visitors = [(owning_group(one.dataset_group), _digest(one)) for one in late]
    noted = noted_at(connection, {digest for _, digest in visitors})
    pairs = zip(late, visitors, strict=True)
    return {one.recommendation_id for one, who in pairs if one.answered_at <= noted.get(who, -1)}


def _digest(one: Impression) -> str:
    if one.user_id is not None:
        return visitor_digest(USER, one.user_id)
    return visitor_digest(SESSION, one.session_id or "")


def _impression(row: Sequence[Any]) -> Impression:
    """The answer in a row of `_WHOLE`; one of `_BARE` lacks what takes most of the memory."""
    # By place: each page costs its visitor's next answer time.
    packed, *copied, dataset_group, search, live_test, animals = row[: len(_BARE)]
    places = None if animals is None else _DECODE_ANIMALS(unpack(animals))
    inside: tuple[object, ...] = (), None, None
    if len(row) > len(_BARE):
        inside = _DECODE_PLACES(unpack(row[-1]))
    elif places is not None:
        places = tuple(map(_shared, places))
    items, propensities, factors = inside
    shown = (items, propensities, dataset_group, places, factors, search, live_test)
    fields: list[Any] = [unpacked_id(packed), *copied, *shown]
    return Impression(*fields)


@lru_cache(maxsize=262_144)
def _shared(animal_ids: tuple[str, ...]) -> tuple[str, ...]:
    """The same value."""
    # All pages with these animals at a place share it, which saves memory.
    return animal_ids
