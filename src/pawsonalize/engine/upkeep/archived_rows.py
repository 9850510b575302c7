"""Rows of the log as an archive's objects: what shares an object, its name, its bytes.

`2026/11/24/15/events-{first offset}-{last offset}.jsonl.zst`: the folder is the hour of
`received_at` in UTC, and the name alone says where the rows belong.

The same rows always give the same bytes, so that writers need not agree on who writes.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise

import msgspec
import zstandard

from pawsonalize.domain.errors import CorruptArtefact, InvalidInput
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, Event, LoggedEvent
from pawsonalize.domain.times import SECOND
from pawsonalize.storage.archive_ledger import Segment

_KEY = re.compile(r"(\d{4}/\d\d/\d\d/\d\d)/events-(\d{20})-(\d{20})\.jsonl\.zst", re.ASCII)


@dataclass(frozen=True, slots=True)
class ObjectName:
    """A key, taken apart; offsets `first` to `last`, inclusive."""

    key: str
    hour: str
    first: int
    last: int

    @classmethod
    def parse(cls, key: str) -> "ObjectName | None":
        """Read a key; None when the archive does not name objects so."""
        match = _KEY.fullmatch(key)
        return match and cls(key, match[1], int(match[2]), int(match[3]))


def hour_of(moment: int) -> str:
    """The folder of a moment."""
    return datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y/%m/%d/%H")


def segments_of(rows: Sequence[LoggedEvent]) -> list[Segment]:
    """Cut rows of the log, in offset order, wherever the hour changes."""
    segments = []
    for hour, run in groupby(rows, lambda row: hour_of(row.event.received_at)):
        offsets = [row.offset for row in run]
        first, last = offsets[0], offsets[-1]
        key = f"{hour}/events-{first:020d}-{last:020d}.jsonl.zst"
        segments.append(Segment(first, last, len(offsets), key))
    return segments


_LEVEL = 3


class _Row(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Every column of the events table, in the native API's names.

    The default dataset group goes without saying: so objects from before there were others are
    written again with the same bytes.
    """

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
    dataset_group: str = DEFAULT_DATASET_GROUP


_COLUMNS = [name for name in _Row.__struct_fields__ if name != "offset"]
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Row)


def encode(rows: Sequence[LoggedEvent]) -> bytes:
    """The bytes of an object."""
    lines = _ENCODER.encode_lines(
        [_Row(row.offset, *(getattr(row.event, column) for column in _COLUMNS)) for row in rows]
    )
    # The checksum lets a reader see a flipped bit without any ledger.
    return zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(lines)


def decode(name: ObjectName, data: bytes) -> list[LoggedEvent]:
    """The rows of an object; CorruptArtefact if they are not what its name promises."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        lines = decompressor.decompress(data)
        if not decompressor.eof or decompressor.unused_data:
            raise CorruptArtefact(f"{name.key} is cut short or has bytes after its end")
        rows = [_logged(row) for row in _DECODER.decode_lines(lines)]
    except (zstandard.ZstdError, MemoryError, msgspec.MsgspecError, InvalidInput) as error:
        raise CorruptArtefact(f"{name.key} cannot be read: {error}") from error
    if any(row.offset >= following.offset for row, following in pairwise(rows)):
        raise CorruptArtefact(f"{name.key} holds rows twice or out of order")
    if rows and not name.first <= rows[0].offset <= rows[-1].offset <= name.last:
        raise CorruptArtefact(f"{name.key} holds offsets that its name does not cover")
    if any(hour_of(row.event.received_at) != name.hour for row in rows):
        raise CorruptArtefact(f"{name.key} holds events of another hour")
    return rows


def digest(data: bytes) -> str:
    """The SHA-256 of an object's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def _logged(row: _Row) -> LoggedEvent:
    return LoggedEvent(row.offset, Event(**{column: getattr(row, column) for column in _COLUMNS}))
