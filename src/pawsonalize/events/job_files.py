"""Files of jobs: the folders and object stores where jobs may read and write."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import unquote, urlsplit

import msgspec

from pawsonalize.core.errors import InvalidInput, NoSuchBucket, NotFound
from pawsonalize.core.objects.store import ObjectStore

CSV = (".csv", ".csv.gz")
JSON_LINES = (".json", ".jsonl")


class SourceFile(msgspec.Struct, frozen=True):
    """One file to import, and how to open it."""

    name: str
    open: Callable[[], BinaryIO]


class Sources(msgspec.Struct, frozen=True):
    """Files behind the `file://` and `s3://` locations that jobs read.

    Files are read only below `roots`, never through a link. `s3_root` is a folder whose folders
    stand for buckets; without it, `open_store` opens a bucket by its URL. `shared` is the URL in a
    bucket of any cloud where every machine finds files to read; empty without one.
    """

    roots: tuple[Path, ...]
    s3_root: Path | None
    open_store: Callable[[str], ObjectStore]
    shared: str = ""

    def files(self, location: str, endings: tuple[str, ...] = CSV) -> list[SourceFile]:
        """The files at or below the location with an ending, by name; InvalidInput if none."""
        url = urlsplit(location)
        path = unquote(url.path)
        # Before anything is opened, so that no path leads out of its root.
        if ".." in (url.netloc, *path.split("/")) or "\0" in path:
            raise _unreadable(location, "it must not contain `..`")
        if url.query or url.fragment:
            raise _unreadable(location, _NO_OPTIONS)
        if (inner := _inside(self.shared, location)) is not None:
            found = _objects(self.open_store(self.shared), inner, endings)
        elif url.scheme == "file" and url.netloc in {"", "localhost"}:
            root = next((one for one in self.roots if Path(path).is_relative_to(one)), None)
            if root is None:
                allowed = _one_of(self.shared, *map(str, self.roots))
                raise _unreadable(location, f"put the file below {allowed}, or set import_roots")
            found = _files(location, root, Path(path), endings)
        elif url.scheme == "s3" and url.netloc:
            prefix = path.strip("/")
            if self.s3_root is not None:
                if not (self.s3_root / url.netloc).exists():
                    raise NoSuchBucket(f"s3://{url.netloc}")
                folder = self.s3_root / url.netloc / prefix
                found = _files(location, self.s3_root, folder, endings)
            else:
                found = _objects(self.open_store(f"s3://{url.netloc}"), prefix, endings)
        else:
            places = _one_of(f"{self.shared}/file.csv" if self.shared else "", _READ_FROM)
            raise _unreadable(location, f"write {places}")
        if not (files := list(found)):
            raise _unreadable(location, f"there is no {endings[0]} file: check the path")
        return files


_NO_OPTIONS = (
    "it must not contain `?` or `#`: an endpoint is set where the service runs (AWS_ENDPOINT_URL)"
)
_READ_FROM = "file:///folder/file.csv or s3://bucket/prefix"
_WRITTEN_TO = "s3://bucket/folder/ or file:///folder/"


def _one_of(*places: str) -> str:
    return " or ".join(filter(None, places))


def _inside(shared: str, location: str) -> str | None:
    """The key of the location below the shared URL; None if it is elsewhere."""
    if not shared or not f"{location.rstrip('/')}/".startswith(f"{shared}/"):
        return None
    return unquote(location.removeprefix(shared)).strip("/")


def _objects(store: ObjectStore, prefix: str, endings: tuple[str, ...]) -> Iterator[SourceFile]:
    keys = [prefix] if prefix.lower().endswith(endings) else store.list(prefix)
    for key in sorted(one for one in keys if one.lower().endswith(endings)):
        yield SourceFile(key, partial(_open_object, store, key))


def _open_object(store: ObjectStore, key: str) -> BinaryIO:
    """The object, on the disk of this machine and not in memory, until it is closed."""
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        try:
            store.fetch(key, path)
        except NotFound:
            next(store.list(key), None)  # NoSuchBucket: a store says that to a list alone
            raise
        return path.open("rb")


def _open_file(path: Path) -> BinaryIO:
    try:
        # A link may have taken the file's place since the check.
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
    except OSError as error:
        raise InvalidInput(f"cannot open {path}: {error.strerror}") from error


def _files(location: str, root: Path, path: Path, endings: tuple[str, ...]) -> Iterator[SourceFile]:
    if link := _link(root, path):
        raise _unreadable(location, f"{link.name} is a link: copy the file itself")
    if path.is_file():
        yield SourceFile(path.name, partial(_open_file, path))
        return
    for folder, folders, names in os.walk(path):
        # In place, as `os.walk` goes on in this order.
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            if name.lower().endswith(endings) and file.is_file() and not file.is_symlink():
                yield SourceFile(file.relative_to(path).as_posix(), partial(_open_file, file))


def _link(root: Path, path: Path) -> Path | None:
    """The link below the root that the path leads through, if there is one."""
    steps = (path, *path.parents)
    return next((one for one in steps[: steps.index(root)] if one.is_symlink()), None)


def _unreadable(location: str, reason: str) -> InvalidInput:
    return InvalidInput(f"cannot read from {location}: {reason}", field="dataLocation")


def _unwritable(location: str, reason: str) -> InvalidInput:
    return InvalidInput(f"cannot write to {location}: {reason}", field="path")


class Output(msgspec.Struct, frozen=True):
    """A folder of an object store that a job writes to."""

    store: ObjectStore
    folder: str
    check: Callable[[str], object]

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """A file that is put into place, whole, only if the block ends well."""
        with tempfile.NamedTemporaryFile() as file:
            yield file
            file.flush()
            self.check(name)  # LeaseLost, or StorageUnavailable, if another machine may do the job
            self.store.replace(f"{self.folder}/{name}".lstrip("/"), Path(file.name))


class Outputs(msgspec.Struct, frozen=True):
    """Places that jobs write, as `Sources`; `confirm` raises if this thread has lost its lease."""

    roots: tuple[Path, ...]
    s3_root: Path | None
    open_store: Callable[[str], ObjectStore]
    shared: str = ""
    confirm: Callable[[], object] = lambda: None

    def at(self, location: str) -> Output:
        """The folder at the location; InvalidInput if jobs may not write there."""
        url = urlsplit(location)
        path = unquote(url.path)
        steps = [step for step in path.split("/") if step]
        if any(step.startswith(".") for step in (url.netloc, *steps)) or "\0" in path:
            raise _unwritable(location, "no step of it may begin with a dot")
        if url.query or url.fragment:
            raise _unwritable(location, _NO_OPTIONS)
        if (inner := _inside(self.shared, location)) is not None:
            return self._output(self.shared, inner)
        if url.scheme == "file" and url.netloc in {"", "localhost"}:
            root = next((one for one in self.roots if Path(path).is_relative_to(one)), None)
            if root is None:
                allowed = _one_of(self.shared, *map(str, self.roots))
                raise _unwritable(location, f"choose a folder below {allowed}, or set export_roots")
            return self._below(root, Path(path), location)
        if url.scheme != "s3" or not url.netloc:
            places = _one_of(f"{self.shared}/" if self.shared else "", _WRITTEN_TO)
            raise _unwritable(location, f"write {places}")
        if self.s3_root is not None:
            return self._below(self.s3_root, self.s3_root.joinpath(url.netloc, *steps), location)
        return self._output(f"s3://{url.netloc}", "/".join(steps))

    def _below(self, root: Path, path: Path, location: str) -> Output:
        """The folder at a path; no step below the root may be a link, now or when it is written."""

        def check(name: str = "") -> None:
            if link := _link(root, path / name):
                raise _unwritable(location, f"{link.name} is a link: name the folder itself")
            self.confirm()

        check()
        inner = "/".join(path.relative_to(root).parts)
        return Output(self.open_store(str(root)), inner, check)

    def _output(self, place: str, folder: str) -> Output:
        return Output(self.open_store(place), folder, lambda _name: self.confirm())
