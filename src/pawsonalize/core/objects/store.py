"""The object store port: a place for objects that are written whole and kept.

The archive lies in one, and so does what machines share: models, files of jobs.

A key is a relative path of plain names, `2026/11/24/15/events-1.jsonl.zst`. Every method may
raise StorageUnavailable.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import uuid4


class StoredObject(NamedTuple):
    """An object's key, its bytes, and when it came there, in milliseconds since 1970."""

    key: str
    size: int
    changed_at: int


class ObjectStore(Protocol):
    """Objects by key, each written whole or not at all."""

    def put(self, key: str, data: bytes) -> None:
        """Create an object durably; the same bytes again change nothing, others are a Conflict."""

    def replace(self, key: str, content: bytes | Path) -> None:
        """Create an object or replace it, durably; a file is not read into memory whole."""

    def get(self, key: str) -> bytes:
        """The bytes of an object; NotFound if there is none."""

    def fetch(self, key: str, file: Path) -> None:
        """Write an object into a local file, part by part; NotFound without it."""

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """The keys below a folder (`2026/11`, "" for all), in no promised order."""

    def stored(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects below a folder, in no promised order."""


@contextmanager
def whole_file(
    path: Path, mode: int = 0o666, *, replaces: bool = False
) -> Iterator[BufferedWriter]:
    """A file that is in its place, durable and whole, when the block ends without an error.

    FileExistsError at the end if one is there already, unless this `replaces` it.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # before it has its name: a power cut must not leave half
        if replaces:
            draft.replace(path)
        else:
            os.link(draft, path)  # a link never replaces what is there
    finally:
        draft.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file's bytes durable, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
