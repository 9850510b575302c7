"""Dead letters in the archive: `errors/2026/11/24/15/letters-{mark}.jsonl.zst`."""

import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec
import zstandard
from msgspec.structs import replace
from sqlalchemy import and_, bindparam, func, select, update

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, InvalidInput, NotFound
from pawsonalize.domain.events import owning_group
from pawsonalize.engine.upkeep.archived_rows import ObjectName, hour_of
from pawsonalize.engine.upkeep.erased_archive import NamedErasure, Watch, ignore_progress
from pawsonalize.storage.archive_ledger import ArchiveIndex, IndexedObject
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedLookup, Erasure, Trouble
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

FOLDER: Final = "errors"
_KEY = re.compile(rf"{FOLDER}/(\d{{4}}/\d\d/\d\d/\d\d)/letters-[0-9a-f]+\.jsonl\.zst", re.ASCII)
_LETTERS_PER_OBJECT = 2_000  # events wait while they are planned
_BYTES_PER_OBJECT = 16_000_000
_INDEXED_AT_ONCE = 100
_DECODER = msgspec.json.Decoder(Letter)
_UNREADABLE = (zstandard.ZstdError, MemoryError, msgspec.MsgspecError, ValueError, InvalidInput)
_COLUMNS = dead_letters.c
_NEW = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_(None))
_PLANNED = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_not(None))


# The folder is the hour of their arrival in UTC. The table plans which letters go into which
# object, so that each is in one, whoever dies in between. Nothing is rebuilt from these objects:
# they are for people.
def is_of_letters(key: str) -> bool:
    """True if the key is that of an object of dead letters."""
    return _KEY.fullmatch(key) is not None


def encode_letters(letters: Iterable[DeadLetter]) -> bytes:
    """The bytes of an object: the letters as they came in."""
    shown = [letter_answer(replace(one, mended=None)) for one in letters]
    lines = msgspec.json.Encoder().encode_lines(shown)
    return zstandard.ZstdCompressor(write_checksum=True).compress(lines)


def decode_letters(key: str, data: bytes) -> list[DeadLetter]:
    """The letters of an object; CorruptArtefact if it cannot be read."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        lines = decompressor.decompress(data)
        if not decompressor.eof:  # what was read of it says nothing of the rest
            raise ValueError("it is cut short")
        return [read_letter(one) for one in _DECODER.decode_lines(lines)]
    except _UNREADABLE as error:
        raise CorruptArtefact(f"{key} cannot be read: {error}") from error


class ArchivedLetters(msgspec.Struct, frozen=True):
    """The letters in the archive, as they are to be: without those of erased visitors."""

    database: Database
    objects: ObjectStore
    index: ArchiveIndex
    erased: ErasedLookup

    def archive_once(self, now: int) -> int:
        """Archive the letters that are new; returns how many were written."""
        written = 0
        while True:
            written += sum(self._write(key, now) for key in self._planned())
            if not self._plan():
                return written

    def _planned(self) -> list[str]:
        keys = select(_COLUMNS.archived_in).where(_PLANNED).distinct()
        with self.database.reading() as connection:
            return sorted(connection.scalars(keys))

    def _plan(self) -> bool:
        """Plan some new letters, each into one object, once; True if there were any."""
        columns = (_COLUMNS.letter_id, _COLUMNS.at, func.length(_COLUMNS.raw))
        new = select(*columns).where(_NEW).limit(_LETTERS_PER_OBJECT)  # an order would take long
        with self.database.writing() as connection:
            rows = connection.execute(new).all()
            mark, size, placed = secrets.token_hex(8), 0, []
            for letter_id, at, length in rows:
                if size > _BYTES_PER_OBJECT:
                    mark, size = secrets.token_hex(8), 0
                key = f"{FOLDER}/{hour_of(at)}/letters-{mark}.jsonl.zst"
                placed.append({"key": key, "id": letter_id})
                size += length
            if placed:
                into = update(dead_letters).where(_COLUMNS.letter_id == bindparam("id"))
                connection.execute(into.values(archived_in=bindparam("key")), placed)
        return bool(rows)

    def _letters(self, key: str) -> list[DeadLetter]:
        mine = select(*OF_A_LETTER).where(_PLANNED, _COLUMNS.archived_in == key)
        with self.database.reading() as connection:
            ordered = mine.order_by(_COLUMNS.at, _COLUMNS.letter_id)
            return [letter_of(row) for row in connection.execute(ordered).mappings()]

    def _write(self, key: str, now: int) -> int:
        letters = self._letters(key)
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
        with self.database.writing() as connection:
            mine = update(dead_letters).where(_PLANNED, _COLUMNS.archived_in == key)
            connection.execute(mine.values(archived_at=now))
        return len(letters)

    def erase(
        self,
        visitors: Collection[str],
        named: Sequence[NamedErasure] = (),
        watch: Watch = ignore_progress,
    ) -> list[Trouble]:
        """See `VisitorObjects.erase`. With visitors whose names are known, every object is read."""
        listed = {one.key: one.size for one in self.objects.stored() if is_of_letters(one.key)}
        known = self.index.sizes()
        wanted = {key for key, size in listed.items() if known.get(key) != size}
        wanted |= self.index.objects_holding(visitors) & listed.keys()
        if named:
            wanted = set(listed)
        names = [(one.erasure, Mentions(one.names.all)) for one in named]
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

    def _clean(
        self, key: str, named: Sequence[tuple[Erasure, Mentions]], watch: Watch
    ) -> list[IndexedObject]:
        try:
            data = self.objects.get(key)
        except NotFound:
            return []
        letters = decode_letters(key, data)
        watch("letters read")
        kept = [
            letter
            for letter in self._without_erased(letters)
            if not any(
                letter.at <= one.noted_at
                and owning_group(letter.dataset_group) == one.dataset_group
                and mentions.among(letter.raw)
                for one, mentions in named
            )
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
        # Letters that came in after an erasure are of a new visitor.
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


def _ends(key: str) -> float:
    match = _KEY.fullmatch(key)
    return float("inf") if match is None else ObjectName(key, match[1], 0, 0).ends


def _visitors(letters: Iterable[DeadLetter]) -> frozenset[str]:
    return visitors_in(*(one.raw for one in letters))


ARCHIVE_KEYS = (is_of_letters,)
