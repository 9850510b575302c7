"""Meanings of the animals' descriptions: made in the background, by one worker of a machine."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.data_folder import SEARCH_FOLDER
from pawsonalize.core.work.leases import held
from pawsonalize.plugins.search.index import AnimalIndex
from pawsonalize.plugins.search.meaning import DIGEST_BYTES, SIZE, Encoder, Singles, digest_of

_AT_ONCE = 16  # texts, which take about 0.1 s
_PARTS = 8  # of a call: a server that ends waits for it
_SPARE_ROWS = 1_000
_Halves = NDArray[np.float16]  # a third decimal is more than the model means
_ROW = np.dtype([("digest", np.uint8, DIGEST_BYTES), ("vector", np.float16, SIZE)])


@lru_cache(maxsize=256)  # a chip that is taken off, or the next page, has the same words
def _vector(text: str) -> Singles:
    vector: Singles = Encoder.encode([text])[0]
    return vector


class VectorFile:
    """The file of vectors by digest of the text, which the workers of a machine share.

    One process at a time adds, under a lock; others read whole rows.
    """

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

    def get(self, digests: Collection[bytes]) -> dict[bytes, _Halves]:
        """The vectors of those that are there."""
        found = {one: place for one in digests if (place := self._places.get(one)) is not None}
        if not found:
            return {}
        vectors = self._rows()["vector"]
        return {one: np.array(vectors[place]) for one, place in found.items()}

    def add(self, digests: Sequence[bytes], vectors: _Halves) -> None:
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


def _packed(digests: Sequence[bytes], vectors: _Halves) -> NDArray[np.void]:
    rows = np.empty(len(digests), _ROW)
    rows["digest"] = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)
    rows["vector"] = vectors
    return rows


class DescriptionMeanings:
    """Vectors of descriptions, read from the file of this machine, and made where they lack."""

    def __init__(self, folder: Path, name: str, animals: Animals) -> None:
        self._animals = animals
        self._file = VectorFile(folder / f"vectors-{name}.bin")
        self._lock = folder / "vectors.lock"

    @classmethod
    def of(cls, settings: Settings, animals: Animals) -> "DescriptionMeanings | None":
        """The meanings of this installation; None without the extra `search`."""
        name = Encoder.name()
        return None if name is None else cls(settings.data_dir / SEARCH_FOLDER, name, animals)

    def vector(self, text: str) -> Singles | None:
        """The vector of a text that is searched for; None before the model is loaded."""
        if not Encoder.is_loaded():  # no search waits for that: words are there
            return None
        return _vector(text)

    def read(self, index: AnimalIndex) -> bool:
        """Take into the index what the file has; True if vectors are missing still."""
        if waiting := index.without_meaning():
            self._file.refresh()
            index.embed(self._file.get(set(waiting.values())))
        return bool(index.without_meaning())

    def make(self, index: AnimalIndex) -> None:
        """Make the vectors that are missing, unless another worker does; load the model anyway.

        CorruptArtefact if it cannot be loaded: then words alone are compared.
        """
        is_missing = self.read(index)
        if index.embedded.any() or is_missing:
            Encoder.load()
        if not is_missing:
            return
        self._file.path.parent.mkdir(exist_ok=True)
        with held(self._lock) as lock:
            if lock is None:
                return
            for _ in range(_PARTS):
                if not self._add(index):
                    break
            kept = index.all_digests()
            if len(self._file) > 2 * len(kept) + _SPARE_ROWS:
                self._file.keep(kept)
            for path in self._file.path.parent.glob("vectors-*.bin"):
                if path != self._file.path:  # of another version of the model
                    path.unlink()

    def _add(self, index: AnimalIndex) -> bool:
        waiting = list(index.without_meaning())[:_AT_ONCE]
        ids = index.ids(waiting)
        known = self._animals.get_many(ids)
        texts = {digest_of(one.description): one.description for one in known.values()}
        if not texts:  # they left meanwhile: the index follows soon
            return False
        vectors = Encoder.encode(list(texts.values()))
        self._file.add(list(texts), vectors.astype(np.float16))
        before = len(index.without_meaning())
        return self.read(index) and len(index.without_meaning()) < before
