"""`python -m pawsonalize.storage.gaps FILE`: do gaps of a SQLite file hold any of these names?

In a process of its own: when a process closes a file, it loses all its locks on it, those of SQLite
too, and then others may write what they must not.
"""

import json
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import zstandard

from pawsonalize.storage.packing import RAW_MARK

HELD, FREE = 10, 0
"""Exit codes: a gap holds one of the names on standard input, a JSON list; or none does."""

_MOST_NAMES = 1_000  # that are looked for one by one
_HEADER = 100  # bytes of the first page, before its own header
_LEAF, _INTERIOR = (10, 13), (2, 5)


def hold(file: Path, names: Collection[str]) -> bool:
    """Whether one of the names may be in a gap."""
    if len(names) > _MOST_NAMES:
        return any(gaps(file))
    found = re.compile(b"|".join(re.escape(name.encode()) for name in sorted(names)))
    return any(found.search(gap) or _hides(gap, found) for gap in gaps(file))


def _hides(gap: bytes, found: re.Pattern[bytes]) -> bool:
    """Whether the gap has packed events with one of the names, or a part that cannot be read."""
    for packed in gap.split(RAW_MARK)[1:]:
        reading = zstandard.ZstdDecompressor().decompressobj()
        try:
            text = reading.decompress(packed)
        except zstandard.ZstdError:
            return True
        if not reading.eof or found.search(text):
            return True
    return False


def gaps(file: Path) -> Iterator[bytes]:
    """The parts of the pages of a SQLite file that hold no row and are not blank.

    See "B-tree Pages" in SQLite's description of its file format.
    """
    with file.open("rb") as pages:
        size = int.from_bytes(pages.read(_HEADER)[16:18], "big")
        size = 65_536 if size == 1 else size
        pages.seek(0)
        start = _HEADER
        while len(page := pages.read(size)) == size:
            gap = _gap(page, start)
            if gap.strip(b"\0"):
                yield gap
            start = 0


def _gap(page: bytes, start: int) -> bytes:
    """Between the list of cells and the cells; nothing for a page of another kind."""
    kind = page[start]
    if kind not in _LEAF and kind not in _INTERIOR:
        return b""
    header = 8 if kind in _LEAF else 12
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    content = int.from_bytes(page[start + 5 : start + 7], "big") or 65_536
    return page[start + header + 2 * cells : content]


if __name__ == "__main__":
    sys.exit(HELD if hold(Path(sys.argv[1]), json.load(sys.stdin)) else FREE)
