"""Files of jobs that may hold a visitor: exports, answers of batch jobs, imports."""

import gzip
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import NotFound
from pawsonalize.engine.upkeep.erasing import NamedErasure
from pawsonalize.kinds.datasets import DatasetImportJob
from pawsonalize.kinds.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.kinds.registry import Registry
from pawsonalize.storage.erasures import Trouble

_KINDS = (DatasetExportJob, BatchInferenceJob, BatchSegmentJob)
_WORD = re.compile(rb"[^\s,;|\"'{}\[\]:]+")
_BREAKS = re.compile(rb"[\s,;|\"'{}\[\]:]")
_LOCATIONS = ("source", "target")


@dataclass(frozen=True, slots=True)
class VisitorFiles:
    """The folders that jobs read and write, and the jobs themselves. Nothing is deleted here.

    `shared` are the URLs in buckets that stand for such folders, and what is there.
    """

    registry: Registry
    folders: tuple[Path, ...]
    shared: tuple[tuple[str, ObjectStore], ...] = ()

    def find(self, one: NamedErasure) -> Iterator[str]:
        """Files of the folders in which a name stands, and the buckets that jobs name.

        What lies in a bucket that is not shared is not read.
        """
        names = {name.encode() for name in (*one.names.users, *one.names.sessions)}
        for folder in self.folders if names else ():
            for path in _files(folder):
                if _holds(path, names):
                    yield str(path)
        for url, store in self.shared if names else ():
            for key in list(store.list()):
                if _object_holds(store, key, names):
                    yield f"{url}/{key}"
        yield from self._buckets()

    def jobs_at_work(self, erasures: Sequence[NamedErasure]) -> Iterator[Trouble]:
        """Jobs that may have read what was erased, and still write."""
        erased_at = max(one.erasure.tables_at or one.erasure.noted_at for one in erasures)
        for kind in _KINDS:
            for job in self.registry.all(kind):
                if not job.status.is_settled and job.created_at <= erased_at:
                    yield Trouble(job.name, f"the {kind.kind} must end first", waits=True)

    def _buckets(self) -> set[str]:
        return {
            f"{location} (not looked into)"
            for kind in (*_KINDS, DatasetImportJob, DataDeletionJob)
            for job in self.registry.all(kind)
            for name in _LOCATIONS
            if (location := str(getattr(job, name, None) or "")).startswith("s3://")
            and not any(f"{location}/".startswith(f"{url}/") for url, _ in self.shared)
        }


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path


def _object_holds(store: ObjectStore, key: str, names: set[bytes]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / key.rpartition("/")[2]
        try:
            store.fetch(key, file)
        except NotFound:  # deleted meanwhile
            return False
        return _holds(file, names)


def _holds(path: Path, names: set[bytes]) -> bool:
    """Whether a line has one of the names as a whole word; a name may have several words."""
    if path.suffix == ".parquet":
        return True  # no line of text: what was exported before is for people to write again
    several = [name for name in names if _BREAKS.search(name)]
    try:
        with _opened(path) as lines:
            return any(
                not names.isdisjoint(_WORD.findall(line)) or any(one in line for one in several)
                for line in lines
            )
    except (OSError, EOFError):
        return True  # what cannot be read is for people to look at


def _opened(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
