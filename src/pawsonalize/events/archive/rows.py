"""Rows of the log as an archive's objects: what shares an object, its name, its bytes."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby, pairwise

import msgspec
import zstandard

from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, Event, LoggedEvent
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.events.archive.tables import Segment

_KEY = re.compile(
    r"(\d{4}/\d\d/\d\d(?:/\d\d)?)/events-(\d{20})-(\d{20})(?:-[0-9a-f]{16})?\.jsonl\.zst", re.ASCII
)
_DAY, _HOUR = "%Y/%m/%d", "%Y/%m/%d/%H"


# `2026/11/24/15/events-{first offset}-{last offset}.jsonl.zst`: the folder is the hour of
# `received_at` in UTC. Once the day is over, objects of the whole day take the place of those of
# its hours, `2026/11/24/events-{first}-{last}-{digest}.jsonl.zst`; the digest tells those apart
# that hold different rows. The same rows always give the same bytes, so that it does not matter who
# writes.
class ObjectName(msgspec.Struct, frozen=True):
    """A key, taken apart; offsets `first` to `last`, inclusive."""

    key: str
    folder: str
    """The hour or the day in which its events were received."""
    first: int
    last: int

    @classmethod
    def parse(cls, key: str) -> "ObjectName | None":
        """Read a key; None when the archive does not name objects so."""
        match = _KEY.fullmatch(key)
        return match and cls(key, match[1], int(match[2]), int(match[3]))

    @property
    def day(self) -> str:
        """The folder of its day."""
        return "/".join(self.folder.split("/")[:3])

    @property
    def is_of_a_day(self) -> bool:
        """True if it took the place of objects of hours."""
        return self.folder == self.day

    @property
    def begins(self) -> int:
        """The moment from which on its events were received."""
        form = _DAY if self.is_of_a_day else _HOUR
        moment = datetime.strptime(self.folder, form).replace(tzinfo=UTC)
        return round(moment.timestamp()) * SECOND

    @property
    def ends(self) -> int:
        """The moment before which all its events were received."""
        return self.begins + (DAY if self.is_of_a_day else HOUR)

    def covers(self, other: "ObjectName") -> bool:
        """True if it took the place of the other."""
        inside = self.first <= other.first and other.last <= self.last
        return inside and self.is_of_a_day and self.day == other.day


def hour_of(moment: int) -> str:
    """The folder of a moment."""
    return datetime.fromtimestamp(moment // SECOND, UTC).strftime(_HOUR)


def key_of(folder: str, first: int, last: int, sha256: str = "") -> str:
    """The key of the object of these offsets; that of a day has a part of its digest."""
    mark = f"-{sha256[:16]}" if sha256 else ""
    return f"{folder}/events-{first:020d}-{last:020d}{mark}.jsonl.zst"


def segments_of(rows: Sequence[LoggedEvent]) -> list[Segment]:
    """Cut rows of the log, in offset order, wherever the hour changes."""
    segments = []
    for hour, run in groupby(rows, lambda row: hour_of(row.event.received_at)):
        offsets = [row.offset for row in run]
        first, last = offsets[0], offsets[-1]
        segments.append(Segment(first, last, len(offsets), key_of(hour, first, last)))
    return segments


_LEVEL = 3  # zstd's default; another one would change the bytes of objects that are there


class _Row(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Every column of the events table in the native API's names, and the event as it came in."""

    offset: int
    event_id: str
    user_id: str | None
    session_id: str | None
    event_type: str
    item_id: str
    sent_at: int
    received_at: int
    animal_id: str | None = msgspec.field(name="animal_id")
    event_value: float | None
    recommendation_id: str | None
    impression: tuple[str, ...]
    properties: str | None
    # These two go without saying if they say nothing, so that objects from before there was either
    # are written again with the same bytes.
    dataset_group: str = DEFAULT_DATASET_GROUP
    raw: str | None = None


_COLUMNS = [name for name in _Row.__struct_fields__ if name != "offset"]
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Row)


def encode(rows: Sequence[LoggedEvent]) -> bytes:
    """The bytes of an object."""
    return _compressor().compress(_lines(rows))


def join(parts: Iterable[Sequence[LoggedEvent]]) -> bytes:
    """The bytes of one object of the rows of several, which are in memory one after the other."""
    compressor = _compressor().compressobj()
    joined = [compressor.compress(_lines(rows)) for rows in parts]
    return b"".join((*joined, compressor.flush()))


def _lines(rows: Sequence[LoggedEvent]) -> bytes:
    return _ENCODER.encode_lines(
        [_Row(row.offset, *(getattr(row.event, column) for column in _COLUMNS)) for row in rows]
    )


def _compressor() -> zstandard.ZstdCompressor:
    # The checksum lets a reader see a flipped bit without any ledger.
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)


def decode(name: ObjectName, data: bytes) -> list[LoggedEvent]:
    """The rows of an object; CorruptArtefact if they are not what its name promises."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        lines = decompressor.decompress(data)
        if not decompressor.eof or decompressor.unused_data:
            raise CorruptArtefact(f"{name.key} is cut short or has bytes after its end")
        rows = [
            LoggedEvent(row.offset, Event(**{column: getattr(row, column) for column in _COLUMNS}))
            for row in _DECODER.decode_lines(lines)
        ]
    except (zstandard.ZstdError, MemoryError, msgspec.MsgspecError, InvalidInput) as error:
        raise CorruptArtefact(f"{name.key} cannot be read: {error}") from error
    if any(row.offset >= following.offset for row, following in pairwise(rows)):
        raise CorruptArtefact(f"{name.key} holds rows twice or out of order")
    if rows and not name.first <= rows[0].offset <= rows[-1].offset <= name.last:
        raise CorruptArtefact(f"{name.key} holds offsets that its name does not cover")
    if any(not hour_of(row.event.received_at).startswith(name.folder) for row in rows):
        raise CorruptArtefact(f"{name.key} holds events of another hour or day")
    return rows


def digest(data: bytes) -> str:
    """The SHA-256 of an object's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
