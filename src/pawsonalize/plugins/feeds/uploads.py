"""Files that operators upload: read by choices, tried without a change, then imported.

An upload is forgotten once it is imported, or after a day. Its bytes are in the table of resources,
where each server finds them.
"""

import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import msgspec

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.times import DAY
from pawsonalize.plugins.feeds.formats import FeedForm, decoded, detected, is_table, read_feed
from pawsonalize.plugins.feeds.importing import (
    FILES,
    FeedImport,
    FeedReport,
    import_feed,
    keep_newest_import,
)
from pawsonalize.plugins.feeds.mapping import Meanings, ValueMapping, digest_name
from pawsonalize.plugins.feeds.presets import column_of_slots, usual_columns, values_of
from pawsonalize.plugins.feeds.rows import TableForm
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters

MAX_UPLOAD_BYTES = 16 << 20
MAX_UNPACKED_BYTES = 64 << 20
_MOST_KEPT = 20  # uploads: with the bound of each, the table stays small
_LONGEST_NAME = 200
_GONE = "that file was imported, or forgotten after a day: upload it again"


class UploadReading(msgspec.Struct, frozen=True, kw_only=True):
    """Choices by which a file is read; None means that it is detected.

    `columns` has the slot of each column of a table, as `slots_of` names them, "" for none.
    """

    format: str
    encoding: str | None = None
    separator: str | None = None
    dates: str | None = None
    columns: Mapping[str, str] = {}

    @property
    def table(self) -> TableForm:
        """The form of its table before any column is named; InvalidInput for a wrong choice."""
        return FeedForm.read(None, self.encoding, self.separator, {}, self.dates).table

    def form(self) -> FeedForm:
        """Return the form of the feed; InvalidInput if two columns are taken for the same."""
        columns = column_of_slots(self.format, self.columns) if self.columns else {}
        return FeedForm.read(self.format, self.encoding, self.separator, columns, self.dates)


class FeedUpload(Resource, frozen=True, kw_only=True):
    """An uploaded file, the choices by which it is read, and the meanings of its values."""

    kind: ClassVar[str] = "feed upload"

    file: str
    written_at: int
    source: str
    complete: bool
    allow_shrink: bool = False
    allow_known: bool = False
    reading: UploadReading
    meanings: Mapping[str, Mapping[str, str]] = {}


class UploadedFile(Resource, frozen=True, kw_only=True):
    """The bytes of the upload of the same name, packed."""

    kind: ClassVar[str] = "uploaded file"

    packed: bytes


class SourceReading(Resource, frozen=True, kw_only=True):
    """The choices by which the newest upload of a source was read.

    `detected` is the format that it looked like: they hold for files that look the same.
    """

    kind: ClassVar[str] = "source reading"

    source: str
    detected: str = ""
    reading: UploadReading = UploadReading(format="csv")


class Uploads(msgspec.Struct, frozen=True):
    """Keeps uploads, tries them, and imports them."""

    registry: Registry
    animals: Animals

    def keep(self, new: FeedUpload, content: bytes, now: int) -> FeedUpload:
        """Keep a file that was uploaded; it is read as the one before it of its source was."""
        self.forget_old(now)
        found = self.kept_reading(content, new.source, MAX_UNPACKED_BYTES)
        if found is None:
            text, _ = decoded(content, None, MAX_UNPACKED_BYTES)
            found = read_again(UploadReading(format=detected(text)), text)
        name, file = secrets.token_hex(16), "".join(filter(str.isprintable, new.file))
        upload = msgspec.structs.replace(new, name=name, file=file[:_LONGEST_NAME], reading=found)
        stored = self.registry.create(upload, now)
        self.registry.create(UploadedFile(name=name, packed=zlib.compress(content)), now)
        return stored

    def kept_reading(self, content: bytes, source: str, most: int) -> UploadReading | None:
        """Return the choices for the newest upload of a source, if this file looks like that."""
        kept = self.registry.find(SourceReading, digest_name(source))
        if kept is None:
            return None
        text, encoding = decoded(content, None, most)
        if kept.detected != detected(text):
            return None
        text, _ = decoded(content, kept.reading.encoding or encoding, most)
        return read_again(kept.reading, text)

    def get(self, name: str) -> FeedUpload:
        """Return an upload; NotFound if it was imported or forgotten."""
        found = self.registry.find(FeedUpload, name)
        if found is None:
            raise NotFound(_GONE)
        return found

    def content(self, upload: FeedUpload) -> bytes:
        """Return the bytes of the file."""
        found = self.registry.find(UploadedFile, upload.name)
        if found is None:
            raise NotFound(_GONE)
        return zlib.decompress(found.packed)

    def choose(self, chosen: FeedUpload, before: UploadReading, now: int) -> FeedUpload:
        """Store choices; if the file is read as another table now, its columns are found anew."""
        new, _checked = chosen.reading, chosen.reading.table
        parts = ("format", "encoding", "separator")
        if any(getattr(new, part) != getattr(before, part) for part in parts):
            text, _ = decoded(self.content(chosen), new.encoding, MAX_UNPACKED_BYTES)
            new = read_again(msgspec.structs.replace(new, columns={}), text)
        return self.registry.update(msgspec.structs.replace(chosen, reading=new), now)

    def rehearse(self, upload: FeedUpload, now: int) -> FeedReport:
        """Return what the import would report. It runs in full, but nothing is written."""
        return self._imported(self.animals.rehearsal(), upload, now)

    def run(self, upload: FeedUpload, now: int) -> FeedReport:
        """Import the file; keep its choices and meanings, and forget it if a row was good."""
        report, source = self._imported(self.animals, upload, now), upload.source
        keep_newest_import(self.registry, FILES, source, report, now)
        for field, values in upload.meanings.items():
            for value, meaning in values.items():
                Meanings(self.registry).say(source, field, value, meaning, now)
        kept = SourceReading(name=digest_name(source), source=source)
        name = self.registry.ensure(kept, now).name
        text, _ = decoded(self.content(upload), None, MAX_UNPACKED_BYTES)
        found = detected(text)
        self.registry.assign(SourceReading, name, now, detected=found, reading=upload.reading)
        if not report.is_refused:
            self._forget(upload.name)
        return report

    def forget_old(self, now: int) -> None:
        """Forget uploads of more than a day ago, and all but the newest."""
        for place, upload in enumerate(list(self.registry.all(FeedUpload)), 1):
            if place >= _MOST_KEPT or upload.created_at < now - DAY:
                self._forget(upload.name)

    def _imported(self, animals: Animals, upload: FeedUpload, now: int) -> FeedReport:
        rows, notes = read_feed([self.content(upload)], upload.reading.form())
        mapping = ValueMapping.of(upload.meanings)
        allowed = upload.allow_shrink, upload.allow_known
        how = FeedImport(upload.source, upload.complete, *allowed, mapping)
        how = how.with_meanings(self.registry)
        report = import_feed(animals, rows, how, min(upload.written_at, now), now)
        report.notes[:0] = notes
        return report

    def _forget(self, name: str) -> None:
        # The bytes go first: what is left of a crash in between is forgotten another time.
        for kind in (UploadedFile, FeedUpload):
            if self.registry.find(kind, name) is not None:
                self.registry.delete(kind, name)


def read_again(reading: UploadReading, text: bytes) -> UploadReading:
    """Return a reading with the columns of this file: those that it knew are taken as before."""
    if not is_table(reading.format, text):
        return msgspec.structs.replace(reading, columns={})
    try:
        values = values_of(text, reading.table)
    except InvalidInput:  # another choice may read them, so the file is kept
        return msgspec.structs.replace(reading, columns={})
    known = {column: slot for column, slot in reading.columns.items() if column in values}
    usual = usual_columns(reading.format, values)
    free = {column: "" if slot in known.values() else slot for column, slot in usual.items()}
    return msgspec.structs.replace(reading, columns={**free, **known})


def upkeep(
    adapters: "Adapters", _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what forgets old uploads."""
    yield "forget uploads", Uploads(adapters.registry, adapters.animals).forget_old
