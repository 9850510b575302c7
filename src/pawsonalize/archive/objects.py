"""Objects in any store that obstore knows: S3, Google, Azure, memory. Opens stores by location."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from pawsonalize.archive.base import ObjectStore
from pawsonalize.archive.local import LocalObjects
from pawsonalize.domain.errors import Conflict, InvalidInput, NotFound, StorageUnavailable


def open_objects(location: str) -> ObjectStore:
    """Open a folder (`archive`, `file:///srv/archive`) or a bucket (`s3://bucket/prefix`).

    Credentials come from the environment, as for any tool of that cloud. InvalidInput for a
    location that names neither.
    """
    scheme, separator, _ = location.partition("://")
    if not separator:
        return LocalObjects(Path(location))
    if scheme == "file":
        return LocalObjects(Path(unquote(urlsplit(location).path)))
    return RemoteObjects(location)


class RemoteObjects:
    """`ObjectStore` on a URL; durable as far as the store behind it is (memory is not)."""

    def __init__(self, url: str) -> None:
        try:
            self._store = from_url(url)
        except (BaseError, ValueError) as error:
            raise InvalidInput(
                f"cannot use {url} as the archive ({_brief(error)}): write a folder,"
                " s3://bucket/prefix, gs://bucket/prefix or az://container/prefix",
                field="archive",
            ) from error

    def put(self, key: str, data: bytes) -> None:
        """See `ObjectStore.put`."""
        with _as_storage_errors():
            try:
                # One request: an upload in parts could not be create-only.
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError as error:
                if self.get(key) != data:
                    raise Conflict(f"the archive already holds other bytes as {key}") from error

    def replace(self, key: str, content: bytes | Path) -> None:
        """See `ObjectStore.replace`."""
        with _as_storage_errors():
            obstore.put(self._store, key, content)

    def get(self, key: str) -> bytes:
        """See `ObjectStore.get`."""
        with _as_storage_errors():
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError as error:
                raise NotFound(f"the archive holds no object {key}") from error

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore.list`."""
        with _as_storage_errors():
            for page in obstore.list(self._store, prefix or None):
                for entry in page:
                    yield entry["path"]


@contextmanager
def _as_storage_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise StorageUnavailable(
            f"the archive did not answer ({_brief(error)}): check its address, credentials and"
            " network"
        ) from error


def _brief(error: Exception) -> str:
    """The first line: obstore appends pages of debugging text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
