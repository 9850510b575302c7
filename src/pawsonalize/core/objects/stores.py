"""Object stores behind one interface: local folders, S3 and others."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore as ObstoreStore
from obstore.store import from_url

from pawsonalize.core.errors import (
    Conflict,
    InvalidInput,
    NoSuchBucket,
    NotFound,
    StorageUnavailable,
)
from pawsonalize.core.objects.store import ObjectStore, StoredObject, sync, whole_file
from pawsonalize.core.times import SECOND

if TYPE_CHECKING:
    from obstore.store import RetryConfig

_S3 = ("s3", "s3a")
_NO_BUCKET = "<Code>NoSuchBucket</Code>"  # in the answers of S3 and of services like it


# This is not obstore's local store, because that never syncs its files: a power cut may take back
# what it reported as stored.
class LocalObjects:
    """`ObjectStore` on a local folder, which is made when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        path = self._path(key)
        with _as_folder_errors(path):
            _make_folder(self._folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                with suppress(FileExistsError), whole_file(path) as file:
                    file.write(data)
            if path.read_bytes() != data:
                raise Conflict(f"there are other bytes already as {key}")
            # Every one, also where another process made the file or the folder: it may have
            # died before it came this far.
            self._sync_names(path)

    def replace(self, key: str, content: bytes | Path) -> None:
        """See `ObjectStore.replace`."""
        path = self._path(key)
        with _as_folder_errors(path):
            _make_folder(self._folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path, replaces=True) as file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    with content.open("rb") as source:
                        shutil.copyfileobj(source, file)
            self._sync_names(path)

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        path = self._path(key)
        with _as_folder_errors(path), _as_not_found(key):
            return path.read_bytes()

    def fetch(self, key: str, file: Path) -> None:
        """See `ObjectStore.fetch`."""
        path = self._path(key)
        with _as_folder_errors(path), _as_not_found(key):
            source = path.open("rb")
        with source, file.open("wb") as target:
            shutil.copyfileobj(source, target)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        # Folders that are empty then go as well.
        path = self._path(key)
        with _as_folder_errors(path):
            path.unlink(missing_ok=True)
            with suppress(OSError):  # a folder that holds something stays
                for folder in path.parents:
                    if folder == self._folder:
                        break
                    folder.rmdir()

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore.list`."""
        top = self._path(prefix) if prefix else self._folder
        with _as_folder_errors(top):
            for folder, _, names in os.walk(top):
                within = Path(folder).relative_to(self._folder)
                for name in names:
                    if not name.startswith("."):
                        yield (within / name).as_posix()

    def stored(self, prefix: str = "") -> Iterator[StoredObject]:
        """See `ObjectStore.stored`."""
        for key in self.list(prefix):
            path = self._path(key)
            with _as_folder_errors(path), suppress(FileNotFoundError):  # deleted meanwhile
                found = path.stat()
                yield StoredObject(key, found.st_size, found.st_ctime_ns // 1_000_000)

    def _sync_names(self, path: Path) -> None:
        # Each folder up to the store's own, since every one of them may be new.
        for folder in (path.parent, *path.parent.parents):
            sync(folder)
            if folder == self._folder:
                break

    def _path(self, key: str) -> Path:
        names = key.split("/")
        if any(name.startswith(".") or not name for name in names):
            raise InvalidInput(f"an object key must be a relative path of plain names, not {key!r}")
        return self._folder.joinpath(*names)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    # A new folder is durable once its parent is.
    sync(folder.parent)


@contextmanager
def _as_folder_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"the folder of objects cannot be used ({error.strerror}): check that its disk has"
            " space and that it is writable",
            detail=str(path),
        ) from error


@contextmanager
def _as_not_found(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        if _NO_BUCKET in str(error):
            raise
        raise NotFound(f"the object store holds no object {key}") from error


def open_objects(location: str, kms_key: str = "", *, hurried: bool = False) -> ObjectStore:
    """Open a folder (`archive`, `file:///srv/archive`) or a bucket (`s3://bucket/prefix`).

    Credentials come from the environment, as for any tool of that cloud. With a KMS key, S3
    encrypts every object with it. A bucket that does not answer is asked for three minutes, or a
    few seconds if `hurried`. InvalidInput for a location that names neither a folder nor a bucket,
    and for a key without S3.
    """
    scheme, separator, _ = location.partition("://")
    if kms_key and scheme not in _S3:
        raise InvalidInput(
            f"archive_kms_key encrypts objects in S3, and the archive is {location}: set"
            " archive_url to s3://bucket/prefix, or leave the key out",
            field="archive_kms_key",
        )
    if not separator:
        return LocalObjects(Path(location))
    if scheme == "file":
        return LocalObjects(Path(unquote(urlsplit(location).path)))
    return RemoteObjects(location, kms_key, hurried=hurried)


_HURRIED: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=3)}
_PART_BYTES = 8 * 1024 * 1024  # seconds on a slow line, and few requests for a model


class RemoteObjects:
    """`ObjectStore` on a URL; durable as far as the store behind it is (memory is not)."""

    def __init__(self, url: str, kms_key: str = "", *, hurried: bool = False) -> None:
        options: dict[str, Any] = {"retry_config": _HURRIED} if hurried else {}
        if kms_key:
            options["server_side_encryption"] = "aws:kms"
            options["sse_kms_key_id"] = kms_key
            # This saves most of what KMS costs for many small objects.
            options["sse_bucket_key_enabled"] = True
        if url.startswith(_S3):  # an endpoint of the environment may be http://, as for boto3
            options["client_options"] = {"allow_http": True}
        self._url = url
        try:
            self._store: ObstoreStore = from_url(url, **options)
        except (BaseError, ValueError) as error:
            raise InvalidInput(
                f"cannot use {url} as an object store ({_brief(error)}): write a folder,"
                " s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
            ) from error

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        with _as_storage_errors(self._url):
            try:
                # One request: an upload in parts could not be create-only.
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError as error:
                if self.get(key) != data:
                    raise Conflict(f"there are other bytes already as {key}") from error

    def replace(self, key: str, content: bytes | Path) -> None:
        """See `ObjectStore.replace`."""
        with _as_storage_errors(self._url):
            obstore.put(self._store, key, content)

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        with _as_storage_errors(self._url), _as_not_found(key):
            return bytes(obstore.get(self._store, key).bytes())

    def fetch(self, key: str, file: Path) -> None:
        """See `ObjectStore.fetch`."""
        with file.open("wb") as target:
            for part in self._parts(key):
                target.write(part)

    def _parts(self, key: str) -> Iterator["obstore.Bytes"]:
        """An object in parts, each asked for by itself: none takes longer than a request may."""
        with _as_storage_errors(self._url), _as_not_found(key):
            reader = obstore.open_reader(self._store, key, buffer_size=_PART_BYTES)
            while len(part := reader.read(_PART_BYTES)):
                yield part

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with _as_storage_errors(self._url), suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore.list`."""
        return (stored.key for stored in self.stored(prefix))

    def stored(self, prefix: str = "") -> Iterator[StoredObject]:
        """See `ObjectStore.stored`."""
        with _as_storage_errors(self._url):
            for page in obstore.list(self._store, prefix or None):
                for entry in page:
                    moment = round(entry["last_modified"].timestamp() * SECOND)
                    yield StoredObject(entry["path"], entry["size"], moment)


@contextmanager
def _as_storage_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        if _NO_BUCKET in str(error):
            raise NoSuchBucket(url) from error
        raise StorageUnavailable(
            "the object store did not answer: check its address, credentials and network",
            detail=_brief(error),
        ) from error


def _brief(error: Exception) -> str:
    """The first line: obstore appends pages of debugging text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
