"""Where jobs may write: folders that were opened to them, and object stores."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Output:
    """A folder of an object store that a job writes to."""

    store: ObjectStore
    folder: str

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write; it is there, whole, when the block has ended well, and else not.

        It grows on the disk of this machine, so that its size is none of memory's business.
        """
        with tempfile.NamedTemporaryFile() as file:
            yield file
            file.flush()
            self.store.replace(f"{self.folder}/{name}".lstrip("/"), Path(file.name))


@dataclass(frozen=True, slots=True)
class Outputs:
    """What `file://` and `s3://` locations lead to.

    Files are written only below `roots`. `s3_root` is a folder whose folders stand for buckets;
    without it a bucket is opened by its URL. `open_store` opens either.
    """

    roots: tuple[Path, ...]
    s3_root: Path | None
    open_store: Callable[[str], ObjectStore]

    def at(self, location: str) -> Output:
        """The folder at the location; InvalidInput if nobody may write there."""
        url = urlsplit(location)
        path = unquote(url.path)
        steps = [step for step in path.split("/") if step]
        if any(step.startswith(".") for step in (url.netloc, *steps)) or "\0" in path:
            raise _refused(location, "no step of it may begin with a dot")
        if url.scheme == "file" and url.netloc in {"", "localhost"}:
            return self._below_roots(location, Path(path))
        if url.scheme != "s3" or not url.netloc:
            raise _refused(location, "write s3://bucket/folder/ or file:///folder/")
        bucket = f"s3://{url.netloc}"
        if self.s3_root is not None:
            bucket = str(self.s3_root / url.netloc)
        return Output(self.open_store(bucket), "/".join(steps))

    def _below_roots(self, location: str, path: Path) -> Output:
        for root in self.roots:
            if path.is_relative_to(root):
                inner = path.relative_to(root).as_posix()
                return Output(self.open_store(str(root)), "" if inner == "." else inner)
        allowed = ", ".join(map(str, self.roots))
        raise _refused(location, f"choose a folder below {allowed}, or set export_roots")


def _refused(location: str, reason: str) -> InvalidInput:
    return InvalidInput(f"cannot write to {location}: {reason}", field="path")
