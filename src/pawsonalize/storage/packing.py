"""Answers as few bytes: their ids as numbers, and what was shown compressed.

There are many more answers than events, each with tens of places. As text a page of twenty animals
took 4.4 KB of SQLite with its indexes, and packed it takes 1.0 KB (`benchmarks.disk`).
"""

import threading
from contextlib import suppress
from typing import Any

import msgspec
import zstandard

RAW_MARK = b"\xf5raw\xf5"
"""Mark of packed events, so that a copy of them that SQLite left behind is found."""

_ID = "RID-"
_OTHER = b"\xff"  # before an id of another form; no UUID of this age begins so
_UUID_BYTES = 16
_LEVEL = 3  # beyond, a twentieth smaller for two to five times the work


def packed_id(recommendation_id: str) -> bytes:
    """The id as bytes. Ids of answers have the order of time, packed or not."""
    if not recommendation_id:
        return b""
    with suppress(ValueError):
        digits = bytes.fromhex(recommendation_id.removeprefix(_ID).replace("-", ""))
        if unpacked_id(digits) == recommendation_id:
            return digits
    return _OTHER + recommendation_id.encode("utf-8", "surrogatepass")


def unpacked_id(packed: bytes) -> str:
    """The id that these bytes stand for."""
    if packed.startswith(_OTHER):
        return packed[1:].decode("utf-8", "surrogatepass")
    text = packed.hex()
    if len(packed) != _UUID_BYTES:  # those of before were digits without dashes
        return _ID + text
    return f"{_ID}{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Packer:
    """Packs values as compressed JSON, which keeps numbers to the last digit. For one thread."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False).compress

    def packed(self, value: Any) -> bytes:
        """The bytes of a value."""
        return self._compress(msgspec.json.encode(value))


class _OfThread(threading.local):
    """A decompressor for each thread: to make one takes longer than to use it."""

    def __init__(self) -> None:
        self.decompress = zstandard.ZstdDecompressor().decompress


_OF_THREAD = _OfThread()


def unpack(data: bytes) -> bytes:
    """The JSON of a packed value."""
    return _OF_THREAD.decompress(data)
