"""Meanings of the animals' descriptions: made in the background, by one worker of a machine."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from pawsonalize.kinds.processes import held
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.data_folder import SEARCH_FOLDER
from pawsonalize.wings.search.index import AnimalIndex
from pawsonalize.wings.search.meaning import Encoder, Singles, digest_of
from pawsonalize.wings.search.vectors import VectorFile

_AT_ONCE = 16  # texts, which take about 0.1 s
_PARTS = 8  # of a call: a server that ends waits for it
_SPARE_ROWS = 1_000


@lru_cache(maxsize=256)  # a chip that is taken off, or the next page, has the same words
def _vector(text: str) -> Singles:
    vector: Singles = Encoder.encode([text])[0]
    return vector


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
