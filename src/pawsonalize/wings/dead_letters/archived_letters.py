"""Dead letters in the archive: `errors/2026/11/24/15/letters-{mark}.jsonl.zst`.

The folder is the hour in which they came in, in UTC. The table plans which letters go into which
object, so that each is in one, whoever dies in between. Nothing is rebuilt from these objects: they
are for people, and so beside the ledger.
"""

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import zstandard
from sqlalchemy import and_, bindparam, func, select, update

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, InvalidInput, NotFound
from pawsonalize.domain.events import owning_group
from pawsonalize.engine.upkeep.archived_rows import ObjectName, hour_of
from pawsonalize.engine.upkeep.erased_archive import NamedVisitors, Watch, ignore_progress
from pawsonalize.storage.archive_ledger import ArchiveIndex, IndexedObject
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedLookup, Trouble
from pawsonalize.wings.dead_letters.dead_letters import OF_A_LETTER, letter_of
from pawsonalize.wings.dead_letters.letters import (
    DeadLetter,
    Letter,
    Mentions,
    letter_answer,
    read_letter,
    visitors_in,
)
from pawsonalize.wings.dead_letters.tables import dead_letters

_COLUMNS = dead_letters.c
_NEW = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_(None))
_PLANNED = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_not(None))

_INTO = (
    update(dead_letters)
    .where(_COLUMNS.letter_id == bindparam("id"))
    .values(archived_in=bindparam("key"))
)


class LetterPlan:
    """Each letter is planned into one object, once; after a crash the plan is still there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, key_of: Callable[[int, str], str], letters: int, most_bytes: int) -> bool:
        """Plan some new letters, at most so many, and about so many bytes in an object.

        `key_of` names the object of a moment and a mark that no other object has; letters of equal
        keys for an equal mark share one. Returns whether there were any.
        """
        columns = (_COLUMNS.letter_id, _COLUMNS.at, func.length(_COLUMNS.raw))
        new = select(*columns).where(_NEW).limit(letters)  # in no order: that takes long of many
        with self._database.writing() as connection:
            rows = connection.execute(new).all()
            mark, size = secrets.token_hex(8), 0
            placed = []
            for letter_id, at, length in rows:
                if size > most_bytes:
                    mark, size = secrets.token_hex(8), 0
                placed.append({"key": key_of(at, mark), "id": letter_id})
                size += length
            if placed:
                connection.execute(_INTO, placed)
        return bool(rows)

    def planned(self) -> list[str]:
        """The objects that are planned, and not known to be written."""
        keys = select(_COLUMNS.archived_in).where(_PLANNED).distinct()
        with self._database.reading() as connection:
            return sorted(connection.scalars(keys))

    def letters(self, key: str) -> list[DeadLetter]:
        """The letters that are planned into an object, oldest first."""
        mine = select(*OF_A_LETTER).where(_PLANNED, _COLUMNS.archived_in == key)
        with self._database.reading() as connection:
            ordered = mine.order_by(_COLUMNS.at, _COLUMNS.letter_id)
            return [letter_of(row) for row in connection.execute(ordered).mappings()]

    def confirm(self, key: str, now: int) -> None:
        """Note that an object is written."""
        with self._database.writing() as connection:
            mine = update(dead_letters).where(_PLANNED, _COLUMNS.archived_in == key)
            connection.execute(mine.values(archived_at=now))


FOLDER: Final = "errors"
_KEY = re.compile(rf"{FOLDER}/(\d{{4}}/\d\d/\d\d/\d\d)/letters-[0-9a-f]+\.jsonl\.zst", re.ASCII)
_LETTERS_PER_OBJECT = 2_000  # events wait while they are planned
_BYTES_PER_OBJECT = 16_000_000
_INDEXED_AT_ONCE = 100


def is_of_letters(key: str) -> bool:
    """Whether the key is that of an object of dead letters."""
    return _KEY.fullmatch(key) is not None


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Letter)


def encode_letters(letters: Iterable[DeadLetter]) -> bytes:
    """The bytes of an object: the letters as they came in."""
    lines = _ENCODER.encode_lines([letter_answer(replace(one, mended=None)) for one in letters])
    return zstandard.ZstdCompressor(write_checksum=True).compress(lines)


def decode_letters(key: str, data: bytes) -> list[DeadLetter]:
    """The letters of an object; CorruptArtefact if it cannot be read."""
    try:
        lines = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        return [read_letter(one) for one in _DECODER.decode_lines(lines)]
    except (
        zstandard.ZstdError,
        MemoryError,
        msgspec.MsgspecError,
        ValueError,
        InvalidInput,
    ) as error:
        raise CorruptArtefact(f"{key} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of visitors who are erased."""

    of: NamedVisitors
    mentions: Mentions

    def are_in(self, letter: DeadLetter) -> bool:
        """True if a letter of before has one of the names as a word, wherever that is."""
        return (
            letter.at <= self.of.noted_at
            and owning_group(letter.dataset_group) == self.of.dataset_group
            and self.mentions.among(letter.raw)
        )


@dataclass(frozen=True, slots=True)
class ArchivedLetters:
    """The letters in the archive, as they are to be: without those of erased visitors."""

    plan: LetterPlan
    objects: ObjectStore
    index: ArchiveIndex
    erased: ErasedLookup

    def archive_once(self, now: int) -> int:
        """Archive the letters that are new; returns how many were written."""
        written = 0
        while True:
            written += sum(self._write(key, now) for key in self.plan.planned())
            if not self.plan.plan(_key_of, _LETTERS_PER_OBJECT, _BYTES_PER_OBJECT):
                return written

    def _write(self, key: str, now: int) -> int:
        letters = self.plan.letters(key)
        while letters:
            data = encode_letters(letters)
            self.objects.replace(key, data)
            self.index.put([IndexedObject(key, len(data), _visitors(letters))])
            # Somebody may have been erased since the letters were read.
            kept = self._without_erased(letters)
            if len(kept) == len(letters):
                break
            letters = kept
        else:
            self.objects.delete(key)
        self.plan.confirm(key, now)
        return len(letters)

    def erase(
        self,
        visitors: Collection[str],
        named: Sequence[NamedVisitors] = (),
        watch: Watch = ignore_progress,
    ) -> list[Trouble]:
        """See `VisitorObjects.erase`. With visitors whose names are known, every object is read."""
        listed = {key: size for key, size in self.objects.sizes() if is_of_letters(key)}
        known = self.index.sizes()
        wanted = {key for key, size in listed.items() if known.get(key) != size}
        wanted |= self.index.objects_holding(visitors) & listed.keys()
        if named:
            wanted = set(listed)
        names = [_Names(one, Mentions(one.names)) for one in named]
        troubles, clean = list[Trouble](), list[IndexedObject]()
        for key in sorted(wanted):
            try:
                clean += self._clean(key, names, watch)
            except CorruptArtefact as error:
                next_move = "bring the object back from a copy, or delete it"
                troubles.append(Trouble(key, f"{error.message}: {next_move}"))
            if len(clean) >= _INDEXED_AT_ONCE:
                self.index.put(clean)
                clean.clear()
        self.index.put(clean)
        return troubles

    def _clean(self, key: str, named: Sequence[_Names], watch: Watch) -> list[IndexedObject]:
        """Take erased visitors out of an object; what it holds then, if it is still there."""
        try:
            data = self.objects.get(key)
        except NotFound:
            return []
        letters = decode_letters(key, data)
        watch("letters read")
        kept = [
            letter
            for letter in self._without_erased(letters)
            if not any(one.are_in(letter) for one in named)
        ]
        if len(kept) < len(letters):
            data = encode_letters(kept)
            if kept:
                self.objects.replace(key, data)
            else:
                self.objects.delete(key)
            watch("letters written")
        return [IndexedObject(key, len(data), _visitors(kept))] if kept else []

    def _without_erased(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """The letters that no erasure covers: those that came in later are of a new visitor."""
        noted = self.erased.noted(_visitors(letters))

        def is_erased(one: DeadLetter) -> bool:
            group = owning_group(one.dataset_group)
            return any(noted.get((group, who), -1) >= one.at for who in visitors_in(one.raw))

        return [one for one in letters if not is_erased(one)] if noted else list(letters)

    def forget_old(self, before: int) -> int:
        """Delete the objects of hours that were over at that moment; returns how many."""
        old = [key for key in self.objects.list(FOLDER) if _ends(key) <= before]
        for key in old:
            self.objects.delete(key)
        return len(old)


def _key_of(at: int, mark: str) -> str:
    return f"{FOLDER}/{hour_of(at)}/letters-{mark}.jsonl.zst"


def _ends(key: str) -> float:
    match = _KEY.fullmatch(key)
    return float("inf") if match is None else ObjectName(key, match[1], 0, 0).ends


def _visitors(letters: Iterable[DeadLetter]) -> frozenset[str]:
    return visitors_in(*(one.raw for one in letters))


ARCHIVE_KEYS = (is_of_letters,)
