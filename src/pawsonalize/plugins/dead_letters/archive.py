"""Dead letters in the archive: `errors/2026/11/24/15/letters-{mark}.jsonl.zst`."""

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import msgspec
import zstandard
from msgspec.structs import replace
from sqlalchemy import and_, bindparam, func, select, update

from pawsonalize.app.adapters import Adapters
from pawsonalize.core import clock
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.errors import CorruptArtefact, InvalidInput, NotFound
from pawsonalize.core.event import owning_group
from pawsonalize.events.archive.rows import hour_of
from pawsonalize.events.archive.tables import ArchiveIndex, IndexedObject
from pawsonalize.events.erasure.erased_archive import NamedErasure, Watch, ignore_progress
from pawsonalize.events.erasure.tables import Erasure, Trouble
from pawsonalize.operations.retention import keep_days
from pawsonalize.plugins.dead_letters import DeadLetterSettings
from pawsonalize.plugins.dead_letters.letters import (
    DeadLetter,
    DeadLetterQuery,
    DeadLetters,
    Letter,
    Mentions,
    letter_of,
    visitors_in,
)
from pawsonalize.plugins.dead_letters.tables import dead_letters

FOLDER: Final = "errors"
_KEY = re.compile(rf"{FOLDER}/\d{{4}}/\d\d/\d\d/\d\d/letters-[0-9a-f]+\.jsonl\.zst", re.ASCII)
_LETTERS_AT_ONCE = 2_000  # events wait while they are planned
_BYTES_AT_ONCE = 16_000_000
_DECODER = msgspec.json.Decoder(Letter)
_UNREADABLE = (zstandard.ZstdError, MemoryError, msgspec.MsgspecError, ValueError, InvalidInput)
_COLUMNS = dead_letters.c
_NEW = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_(None))
_PLANNED = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_not(None))


def decode_letters(key: str, data: bytes) -> list[DeadLetter]:
    """Return the dead letters of an object; CorruptArtefact if it cannot be read."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        lines = decompressor.decompress(data)
        if not decompressor.eof:  # what was read of it says nothing of the rest
            raise ValueError("it is cut short")
        return [letter.as_it_came_in() for letter in _DECODER.decode_lines(lines)]
    except _UNREADABLE as error:
        raise CorruptArtefact(f"{key} cannot be read: {error}") from error


# The folder is the hour of their arrival in UTC. The table plans which of them go into which
# object, so that each is in one, whoever dies in between. Nothing is rebuilt from these objects:
# they are for people.
class ArchivedDeadLetters(TableAccess):
    """The dead letters in the archive, as they are to be: without those of erased visitors."""

    def __init__(self, adapters: Adapters) -> None:
        super().__init__(adapters.database)
        self._objects, self._erased = adapters.objects, adapters.erased
        self._index = ArchiveIndex(adapters.database)

    def archive_once(self, now: int) -> int:
        """Archive the dead letters that are new; returns how many were written."""
        written = 0
        planned = select(_COLUMNS.archived_in).where(_PLANNED).distinct()
        while keys := self._scalars(planned) or self._plan():
            written += sum(self._write(key, now) for key in sorted(keys))
        return written

    def _plan(self) -> Collection[str]:
        """Plan some new ones, each into one object, once; returns the objects' keys."""
        columns = (_COLUMNS.letter_id, _COLUMNS.at, func.length(_COLUMNS.raw))
        new = select(*columns).where(_NEW).limit(_LETTERS_AT_ONCE)  # an order would take long
        name = f"letters-{secrets.token_hex(8)}.jsonl.zst"
        with self._database.writing() as connection:
            rows = connection.execute(new).all()
            through = accumulate(length for _, _, length in rows)
            placed = [
                {"id": letter_id, "key": f"{FOLDER}/{hour_of(at)}/{name}"}
                for (letter_id, at, length), size in zip(rows, through, strict=True)
                if size - length <= _BYTES_AT_ONCE
            ]
            if placed:
                into = update(dead_letters).where(_COLUMNS.letter_id == bindparam("id"))
                connection.execute(into.values(archived_in=bindparam("key")), placed)
        return {row["key"] for row in placed}

    def _write(self, key: str, now: int) -> int:
        mine = _PLANNED, _COLUMNS.archived_in == key
        ordered = select(dead_letters).where(*mine).order_by(_COLUMNS.at, _COLUMNS.letter_id)
        kept = list(map(letter_of, self._mappings(ordered)))
        if not kept:  # another server has written it since it was planned
            return 0
        letters: list[DeadLetter] = []
        while kept != letters:
            letters = kept
            self._put_object(key, letters)
            # Somebody may have been erased since the letters were read.
            kept = self._without_erased(letters)
        self._execute(update(dead_letters).where(*mine).values(archived_at=now))
        return len(kept)

    def _put_object(self, key: str, letters: Sequence[DeadLetter]) -> None:
        if not letters:
            self._objects.delete(key)
            return
        shown = [Letter.of(replace(letter, mended=None)) for letter in letters]
        lines = msgspec.json.Encoder().encode_lines(shown)
        data = zstandard.ZstdCompressor(write_checksum=True).compress(lines)
        self._objects.replace(key, data)
        self._index.put([IndexedObject(key, len(data), _visitors(letters))])

    def erase(
        self,
        visitors: Collection[str],
        named: Sequence[NamedErasure] = (),
        watch: Watch = ignore_progress,
    ) -> list[Trouble]:
        """See `VisitorObjects.erase`. With visitors whose names are known, every object is read."""
        listed = {one.key: one.size for one in self._objects.stored() if _KEY.fullmatch(one.key)}
        known = self._index.sizes()
        changed = {key for key, size in listed.items() if known.get(key) != size}
        held = self._index.objects_holding(visitors) & listed.keys()
        names = [(one.erasure, Mentions(one.names.all)) for one in named]
        troubles = []
        for key in sorted(listed if named else changed | held):
            try:
                data = self._objects.get(key)
                letters = decode_letters(key, data)
            except NotFound:
                continue
            except CorruptArtefact as error:
                next_move = "bring the object back from a copy, or delete it"
                troubles.append(Trouble(key, f"{error.message}: {next_move}"))
                continue
            watch("letters read")
            kept = self._without_erased(letters, names)
            if len(kept) < len(letters):
                self._put_object(key, kept)
                watch("letters written")
            elif key in changed:
                self._index.put([IndexedObject(key, len(data), _visitors(letters))])
        return troubles

    def _without_erased(
        self, letters: Sequence[DeadLetter], named: Sequence[tuple[Erasure, Mentions]] = ()
    ) -> list[DeadLetter]:
        # Letters that came in after an erasure are of a new visitor.
        noted = self._erased.noted(_visitors(letters))

        def erasures(letter: DeadLetter) -> Iterator[int]:
            """Yield the moments of the erasures of those whom a letter names."""
            group = owning_group(letter.dataset_group)
            for visitor in visitors_in(letter.raw) if noted else ():
                yield noted.get((group, visitor), -1)
            for erasure, mentions in named:
                if group == erasure.dataset_group and mentions.among(letter.raw):
                    yield erasure.noted_at

        return [one for one in letters if all(one.at > moment for moment in erasures(one))]

    def forget_old(self, before: int) -> int:
        """Delete rows from before, and objects of hours from before; returns their number."""
        first = f"{FOLDER}/{hour_of(before)}"
        old = [key for key in self._objects.list(FOLDER) if _KEY.fullmatch(key) and key < first]
        for key in old:
            self._objects.delete(key)
        return len(old) + DeadLetters(self._database).remove(DeadLetterQuery(until=before))


def _visitors(letters: Iterable[DeadLetter]) -> frozenset[str]:
    return visitors_in(*(letter.raw for letter in letters))


def upkeep(
    adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield the removal of old letters, and the archiving of new ones."""
    archived = ArchivedDeadLetters(adapters)
    days = adapters.settings.part(DeadLetterSettings).dead_letter_days
    forget = keep_days(days, "old dead letters deleted", archived.forget_old)
    yield "delete old dead letters", forget
    yield "archive dead letters", archived.archive_once


def archive_refused(adapters: Adapters) -> str | None:
    """Archive new dead letters now; returns how many, in words."""
    count = ArchivedDeadLetters(adapters).archive_once(clock.now())
    return f"{count:,} dead letters archived" if count else None


ARCHIVE_KEYS = (_KEY.fullmatch,)
VISITOR_OBJECTS = (ArchivedDeadLetters,)
