"""The file of vectors that the workers of a machine share, by digest of the text."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pawsonalize.wings.search.meaning import DIGEST_BYTES, SIZE

Halves = NDArray[np.float16]  # a third decimal is more than the model means
_ROW = np.dtype([("digest", np.uint8, DIGEST_BYTES), ("vector", np.float16, SIZE)])


class VectorFile:
    """Vectors by digest. One process at a time adds, under a lock; others read whole rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[bytes, int] = {}
        self._inode = self._count = 0

    def __len__(self) -> int:
        return self._count

    def refresh(self) -> None:
        """Read which rows there are by now."""
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            return
        if inode != self._inode:  # another worker wrote it anew
            self._inode, self._count, self._places = inode, 0, {}
        rows = self._rows()
        for place in range(self._count, len(rows)):
            self._places[rows["digest"][place].tobytes()] = place
        self._count = len(rows)

    def get(self, digests: Collection[bytes]) -> dict[bytes, Halves]:
        """The vectors of those that are there."""
        found = {one: place for one in digests if (place := self._places.get(one)) is not None}
        if not found:
            return {}
        vectors = self._rows()["vector"]
        return {one: np.array(vectors[place]) for one, place in found.items()}

    def add(self, digests: Sequence[bytes], vectors: Halves) -> None:
        """Add rows at the end; hold the lock. A row that a dying process left half is cut off."""
        rows = _packed(digests, vectors)
        with self.path.open("ab") as file:
            whole = file.tell() // _ROW.itemsize * _ROW.itemsize
            file.truncate(whole)
            file.write(rows.tobytes())
        self.refresh()

    def keep(self, digests: Collection[bytes]) -> None:
        """Write the file anew with these alone; hold the lock."""
        kept = self.get(digests)
        draft = self.path.with_suffix(".draft")
        vectors = np.array(list(kept.values()), np.float16).reshape(-1, SIZE)
        draft.write_bytes(_packed(list(kept), vectors).tobytes())
        draft.replace(self.path)
        self.refresh()

    def _rows(self) -> NDArray[np.void]:
        whole = self.path.stat().st_size // _ROW.itemsize
        if not whole:  # nothing can be mapped
            return np.empty(0, _ROW)
        return np.memmap(self.path, _ROW, "r", shape=(whole,))


def _packed(digests: Sequence[bytes], vectors: Halves) -> NDArray[np.void]:
    rows = np.empty(len(digests), _ROW)
    rows["digest"] = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)
    rows["vector"] = vectors
    return rows
