"""Watches a folder for feeds: each is imported once it is whole, then moved."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pawsonalize.domain.errors import InvalidInput, PawsonalizeError, StorageUnavailable
from pawsonalize.storage.data_folder import needed_by_others
from pawsonalize.wings.feeds.importing import FeedReport

TAKEN, REFUSED = "taken", "refused"
_FEEDS = frozenset({"csv", "json", "jsonl", "tsv", "txt"})
_NAMED = 5
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of a file: its report, or the error that refused it."""

    name: str
    report: FeedReport | None = None
    error: PawsonalizeError | None = None


class FolderWatch:
    """Imports the files of a folder, oldest first.

    A file is whole if two looks in a row find it the same. Imported files move to the folder
    `taken`; files that were refused, or have not one good row, to `refused`. If rows were bad, a
    report stands beside the file. After a crash in between, the same file is imported again, which
    changes nothing.
    """

    def __init__(self, folder: Path, take: Callable[[Path], FeedReport]) -> None:
        if not folder.is_dir():
            raise InvalidInput(f"there is no folder {folder}: make it first")
        others = sorted(path.name for path in folder.iterdir() if not _may_be_feed(path))
        is_new = not any((folder / name).is_dir() for name in (TAKEN, REFUSED))
        if needed_by_others(folder) or (is_new and others):
            reason = ", ".join(others[:_NAMED]) or "the system or a person needs it"
            raise InvalidInput(
                f"{folder} is not for feeds alone ({reason}), and all that is in it would move:"
                f" name a folder of its own; one with a folder {TAKEN} in it is for feeds"
            )
        self._folder = folder
        self._take = take
        self._before: dict[str, tuple[int, int]] = {}

    def look(self) -> Iterator[Seen]:
        """Import every file that has not changed since the last look."""
        now = {path.name: _state(path) for path in self._files()}
        whole = [name for name, state in now.items() if self._before.get(name) == state]
        self._before = now
        for name in sorted(whole, key=lambda name: (now[name], name)):
            yield self._taken(self._folder / name)

    def _files(self) -> Iterator[Path]:
        for path in self._folder.iterdir():
            if path.is_file() and not _is_passed_over(path):
                yield path

    def _taken(self, path: Path) -> Seen:
        try:
            report = self._take(path)
        except StorageUnavailable as error:  # not the file's fault: it is taken at a later look
            return Seen(path.name, error=error)
        except PawsonalizeError as error:
            self._move(path, REFUSED, error.message.encode())
            return Seen(path.name, error=error)
        where = REFUSED if report.is_refused else TAKEN
        self._move(path, where, report.bad_rows())
        return Seen(path.name, report)

    def _move(self, path: Path, where: str, lines: bytes) -> None:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        folder = self._folder / where
        folder.mkdir(exist_ok=True)
        target = folder / f"{path.stem}.{digest}{path.suffix}"
        if lines:
            target.with_name(f"{target.name}.report").write_bytes(lines)
        path.replace(target)


def _may_be_feed(path: Path) -> bool:
    """True for a file whose name is that of a feed, or is passed over."""
    named = not _FEEDS.isdisjoint(path.name.lower().split("."))
    return path.is_file() and (named or _is_passed_over(path))


def _is_passed_over(path: Path) -> bool:
    return path.name.startswith((".", "~")) or path.name.endswith(_UNFINISHED)


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
