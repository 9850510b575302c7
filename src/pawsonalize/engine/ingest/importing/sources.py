"""Where import jobs may read: folders that were opened to them, and object stores."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import InvalidInput

CSV = (".csv", ".csv.gz")
JSON_LINES = (".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to import, and how to open it."""

    name: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Sources:
    """What `file://` and `s3://` locations lead to.

    Files are read only below `roots`, never through a link. `s3_root` is a folder whose folders
    stand for buckets; without it, `open_store` opens a bucket by its URL.
    """

    roots: tuple[Path, ...]
    s3_root: Path | None
    open_store: Callable[[str], ObjectStore]

    def files(self, location: str, endings: tuple[str, ...] = CSV) -> list[SourceFile]:
        """The file at the location, or every file below it with one of the endings, by name.

        InvalidInput for a location that leads nowhere, or nowhere it may.
        """
        url = urlsplit(location)
        path = unquote(url.path)
        if ".." in (url.netloc, *path.split("/")) or "\0" in path:
            raise _refused(location, "it must not contain `..`")
        if url.scheme == "file" and url.netloc in {"", "localhost"}:
            found = self._below_roots(location, Path(path), endings)
        elif url.scheme == "s3" and url.netloc:
            found = self._in_bucket(location, url.netloc, path.strip("/"), endings)
        else:
            raise _refused(location, "write file:///folder/file.csv or s3://bucket/prefix")
        if not found:
            raise _refused(location, f"there is no {endings[0]} file: check the path")
        return found

    def _below_roots(self, location: str, path: Path, endings: tuple[str, ...]) -> list[SourceFile]:
        for root in self.roots:
            if path.is_relative_to(root):
                return list(_files(location, root, path, endings))
        allowed = ", ".join(map(str, self.roots))
        raise _refused(location, f"put the file below {allowed}, or set import_roots")

    def _in_bucket(
        self, location: str, bucket: str, prefix: str, endings: tuple[str, ...]
    ) -> list[SourceFile]:
        if self.s3_root is not None:
            return list(_files(location, self.s3_root, self.s3_root / bucket / prefix, endings))
        store = self.open_store(f"s3://{bucket}")
        named = prefix.lower().endswith(endings)
        keys = (
            [prefix]
            if named
            else [key for key in store.list(prefix) if key.lower().endswith(endings)]
        )
        return [SourceFile(key, _Object(store, key)) for key in sorted(keys)]


@dataclass(frozen=True, slots=True)
class _Object:
    store: ObjectStore
    key: str

    def __call__(self) -> BinaryIO:
        return BytesIO(self.store.get(self.key))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path

    def __call__(self) -> BinaryIO:
        try:
            # A link may have taken the file's place since it was looked at.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise InvalidInput(f"cannot open {self.path}: {error.strerror}") from error
        return os.fdopen(descriptor, "rb")


def _files(location: str, root: Path, path: Path, endings: tuple[str, ...]) -> Iterator[SourceFile]:
    for step in (path, *path.parents):
        if step == root:
            break
        if step.is_symlink():
            raise _refused(location, f"{step.name} is a link: copy the file itself")
    if path.is_file():
        yield SourceFile(path.name, _File(path))
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            if name.lower().endswith(endings) and file.is_file() and not file.is_symlink():
                yield SourceFile(file.relative_to(path).as_posix(), _File(file))


def _refused(location: str, reason: str) -> InvalidInput:
    return InvalidInput(f"cannot read from {location}: {reason}", field="dataLocation")
