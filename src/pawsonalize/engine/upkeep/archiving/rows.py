"""Rows of the log as an object's bytes and back: JSON Lines in one zstd frame.

The same rows always give the same bytes, so that writers need not agree on who writes.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import zstandard

from pawsonalize.domain.errors import CorruptArtefact, InvalidInput
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, Event, LoggedEvent
from pawsonalize.engine.upkeep.archiving.naming import ObjectName, hour_of

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
