"""Feeds into the inventory from files, addresses and watched folders, for the commands."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import typer

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.cli.terminal import print_listing, print_result, say
from pawsonalize.core import clock
from pawsonalize.core.database.data_folder import needed_by_others
from pawsonalize.core.errors import InvalidInput, PawsonalizeError, StorageUnavailable
from pawsonalize.plugins.feeds import importing
from pawsonalize.plugins.feeds.formats import DETECTED, MAX_FEED_BYTES, FeedForm, read_feed
from pawsonalize.plugins.feeds.mapping import Unrecognised
from pawsonalize.plugins.feeds.polling import FeedSource, read_header
from pawsonalize.plugins.feeds.uploads import Uploads

IMPORTED, REFUSED = "taken", "refused"
_FEEDS = frozenset({"csv", "json", "jsonl", "tsv", "txt", "xlsx", "xml"})
_NAMED = 5
_SHOWN = 20  # rows of a report, and values
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")


class Seen(msgspec.Struct, frozen=True):
    """The result of a file: its report, or the error that refused it."""

    name: str
    report: importing.FeedReport | None = None
    error: PawsonalizeError | None = None


class FolderWatch:
    """Imports the files of a folder, oldest first.

    A file is whole if two looks in a row find it the same. It moves to `taken`, or to `refused` if
    not one row was good; a report of bad rows stands next to it. After a crash in between, the same
    file is imported again, which changes nothing.
    """

    def __init__(self, folder: Path, take: Callable[[Path], importing.FeedReport]) -> None:
        if not folder.is_dir():
            raise InvalidInput(f"there is no folder {folder}: make it first")
        others = sorted(path.name for path in folder.iterdir() if not _may_be_feed(path))
        is_new = not any((folder / name).is_dir() for name in (IMPORTED, REFUSED))
        if needed_by_others(folder) or (is_new and others):
            reason = ", ".join(others[:_NAMED]) or "the system or a person needs it"
            raise InvalidInput(
                f"{folder} is not for feeds alone ({reason}), and all that is in it would move:"
                f" name a folder of its own; one with a folder {IMPORTED} in it is for feeds"
            )
        self._folder = folder
        self._take = take
        self._before: dict[str, tuple[int, int]] = {}

    def look(self) -> Iterator[Seen]:
        """Import every file that has not changed since the last look."""
        paths = [one for one in self._folder.iterdir() if one.is_file() and not _is_left(one)]
        states = {path.name: path.stat() for path in paths}
        now = {name: (state.st_mtime_ns, state.st_size) for name, state in states.items()}
        whole = [name for name, state in now.items() if self._before.get(name) == state]
        self._before = now
        for name in sorted(whole, key=lambda name: (now[name], name)):
            yield self._import(self._folder / name)

    def _import(self, path: Path) -> Seen:
        try:
            report = self._take(path)
        except StorageUnavailable as error:  # not the file's fault: it is taken at a later look
            return Seen(path.name, error=error)
        except PawsonalizeError as error:
            self._move(path, REFUSED, error.message.encode())
            return Seen(path.name, error=error)
        where = REFUSED if report.is_refused else IMPORTED
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
    named = not _FEEDS.isdisjoint(path.name.lower().split("."))
    return path.is_file() and (named or _is_left(path))


def _is_left(path: Path) -> bool:
    return path.name.startswith((".", "~")) or path.name.endswith(_UNFINISHED)


def fetched(
    adapters: Adapters,
    how: importing.FeedImport,
    form: FeedForm,
    url: str,
    headers: list[str],
    *,
    dry_run: bool = False,
) -> importing.FeedReport:
    """Import the feed at an address; with `dry_run` nothing is written."""
    read = dict(read_header(text, os.environ) for text in headers)
    source = FeedSource(url, read, form, how.with_meanings(adapters.registry))
    now = clock.now()
    report = source.import_pages(_stock(adapters, dry_run), source.fetched(), now)
    return _kept(adapters, how, report, now, dry_run)


def import_file(
    adapters: Adapters,
    how: importing.FeedImport,
    form: FeedForm,
    file: Path,
    *,
    dry_run: bool = False,
) -> importing.FeedReport:
    """Import the feed in a file; with `dry_run` nothing is written."""
    try:
        content = file.read_bytes()
        written = int(file.stat().st_mtime * 1000)
    except OSError as error:
        raise InvalidInput(f"cannot read the feed {file}: {error.strerror}") from error
    kept = None
    if form == DETECTED:  # no choice was made here, so those of the console hold
        uploads = Uploads(adapters.registry, adapters.animals)
        kept = uploads.kept_reading(content, how.source, MAX_FEED_BYTES)
    rows, notes = read_feed([content], form if kept is None else kept.form())
    if kept is not None:
        notes.append("read by the choices that the console keeps for this source")
    how, now = how.with_meanings(adapters.registry), clock.now()
    as_of = min(written, now)  # a played clock may be behind the file's
    report = importing.import_feed(_stock(adapters, dry_run), rows, how, as_of, now)
    report.notes[:0] = notes
    return _kept(adapters, how, report, now, dry_run)


def _stock(adapters: Adapters, dry_run: bool) -> Animals:
    return adapters.animals.rehearsal() if dry_run else adapters.animals


def _kept(
    adapters: Adapters,
    how: importing.FeedImport,
    report: importing.FeedReport,
    now: int,
    dry_run: bool,
) -> importing.FeedReport:
    """Keep the report, which the console shows; of a dry run, say that it was one."""
    if dry_run:
        report.notes.append("This was a dry run: nothing was written.")
    else:
        importing.keep_newest_import(adapters.registry, importing.FILES, how.source, report, now)
    return report


def watch(
    adapters: Adapters, folder: Path, how: importing.FeedImport, form: FeedForm, seconds: float
) -> None:
    """Import every feed that is put into the folder, until stopped."""
    folder_watch = FolderWatch(folder, partial(import_file, adapters, how, form))
    say(f"Watching {folder} (stop it with Ctrl-C)")
    while True:
        for seen in folder_watch.look():
            report = seen.report
            result = [f"error: {seen.error}"]
            if report is not None:
                result = [*report.warnings, report.in_words(), *report.notes]
            say(f"{seen.name}: {' '.join(result)}")
        time.sleep(seconds)


def finish(report: importing.FeedReport, json: bool) -> None:
    """Print the report and end the command; exit code 1 if not one row was good."""
    print_result(report, json, _print)
    if report.is_refused:
        raise typer.Exit(1)


def _print(report: importing.FeedReport) -> None:
    print("\n".join([*report.warnings, report.in_words(), report.fates(), *report.notes]))
    if any(report.unread.values()):
        print("Columns that were left out")
        print_listing(("column", "such as"), report.unread.items())
    odd = "Rows that were taken, but contradict another fact of their animal"
    for rows, count, title in (
        (report.rejected, report.rejected_rows, "Rejected rows"),
        (report.odd, report.odd_rows, odd),
    ):
        some = ((str(one.place), one.animal_id or "", one.reason) for one in rows[:_SHOWN])
        if rows:
            print(title)
            print_listing(("place", "animal", "reason"), some)
        if (more := count - _SHOWN) > 0:
            print(f"and {more:,} more such rows: --errors FILE writes them to a file")
    _print_unrecognised(report.unrecognised)


def _print_unrecognised(values: Unrecognised) -> None:
    rows = [(field, value, n) for field, some in values.items() for value, n in some.items()]
    if not rows:
        return
    rows.sort(key=lambda row: (-row[2], row))
    print("Values that were not recognised")
    some = ((field, value, f"{n:,}") for field, value, n in rows[:_SHOWN])
    print_listing(("field", "value", "rows"), some)
    more = f"{len(rows) - _SHOWN:,} more values. " if len(rows) > _SHOWN else ""
    print(f"{more}To say what they mean: --write-map FILE writes them down, --map FILE reads it.")
