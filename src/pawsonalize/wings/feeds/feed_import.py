"""Feeds into the inventory, and what they did, for the commands in `feeds.py`."""

import os
import time
from functools import partial
from pathlib import Path

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.new_files import write_new
from pawsonalize.cli.terminal import print_listing, say
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.importing.text_form import read_text_form
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.wings.feeds.brought import FILES, note_brought
from pawsonalize.wings.feeds.feeds_file import read_header
from pawsonalize.wings.feeds.formats import FeedForm, read_feed
from pawsonalize.wings.feeds.importing import FeedImport, FeedReport, import_feed
from pawsonalize.wings.feeds.mapping import NO_MAPPING, Unrecognised, ValueMapping, skeleton
from pawsonalize.wings.feeds.meanings import Meanings
from pawsonalize.wings.feeds.sources import FeedSource
from pawsonalize.wings.feeds.table import TableForm, read_columns, read_date_order
from pawsonalize.wings.feeds.watching import FolderWatch, Seen

_SHOWN_ERRORS = 20
_MORE = "and {:,} more such rows: --errors FILE writes all of them to a file"
_SHOWN = 20


def read_form(
    format: str | None,  # noqa: A002  # the option's name
    encoding: str | None,
    separator: str | None,
    columns: list[str] | None,
    dates: str | None,
) -> FeedForm:
    """The form that the options name; InvalidInput for those that name none."""
    text = read_text_form(encoding, separator)
    table = TableForm(text.separator, read_date_order(dates), read_columns(columns or []))
    return FeedForm(format, text.encoding, table)


def read_map(path: Path | None) -> ValueMapping:
    """What the source's values mean, as the file of `--map` says."""
    return NO_MAPPING if path is None else ValueMapping.read(path)


def fetched(
    adapters: Adapters, how: FeedImport, form: FeedForm, url: str, headers: list[str]
) -> FeedReport:
    """Import the feed at an address."""
    read = dict(read_header(text, os.environ) for text in headers)
    source = FeedSource(url, read, form, Meanings(adapters.registry).added_to(how))
    now = clock.now()
    report = source.taken(adapters.animals, source.fetched(), now)
    note_brought(adapters.registry, FILES, how.source, report, now)
    return report


def taken(adapters: Adapters, how: FeedImport, form: FeedForm, file: Path) -> FeedReport:
    """Import the feed in a file."""
    try:
        content = file.read_bytes()
        written = int(file.stat().st_mtime * 1000)
    except OSError as error:
        raise InvalidInput(f"cannot read the feed {file}: {error.strerror}") from error
    now = clock.now()
    inventory = Inventory(adapters.animals)
    rows, notes = read_feed([content], form)
    how = Meanings(adapters.registry).added_to(how)
    report = import_feed(inventory, adapters.animals, rows, how, written, now)
    report.notes[:0] = notes
    note_brought(adapters.registry, FILES, how.source, report, now)
    return report


def watch(
    adapters: Adapters, folder: Path, how: FeedImport, form: FeedForm, seconds: float
) -> None:
    """Import every feed that is put into the folder, until stopped."""
    folder_watch = FolderWatch(folder, partial(taken, adapters, how, form))
    say(f"Watching {folder} (stop it with Ctrl-C)")
    while True:
        for seen in folder_watch.look():
            say(f"{seen.name}: {_said(seen)}")
        time.sleep(seconds)


def write_map(path: Path, report: FeedReport) -> None:
    """Write the mapping file to be filled in for the report's unrecognised values."""
    write_new(path, skeleton(report.unrecognised).encode())


def finish(report: FeedReport, json: bool) -> None:
    """Print the report and end the command; exit code 1 if not one row was good."""
    if json:
        print(msgspec.json.encode(report).decode())
    else:
        _print(report)
    if report.is_refused:
        raise typer.Exit(1)


def _print(report: FeedReport) -> None:
    print("\n".join([report.in_words(), *report.notes]))
    odd = "Rows that were taken, but contradict another fact of their animal"
    for rows, title in ((report.rejected, "Rejected rows"), (report.odd, odd)):
        some = ((str(one.place), one.animal_id or "", one.reason) for one in rows[:_SHOWN_ERRORS])
        if rows:
            print(title)
            print_listing(("place", "animal", "reason"), some)
        if (more := len(rows) - _SHOWN_ERRORS) > 0:
            print(_MORE.format(more))
    _print_unrecognised(report.unrecognised)


def _print_unrecognised(values: Unrecognised) -> None:
    """A table of the most frequent values, and what to do about them."""
    rows = [(field, value, n) for field, some in values.items() for value, n in some.items()]
    if not rows:
        return
    rows.sort(key=lambda row: (-row[2], row))
    print("Values that were not recognised")
    some = ((field, value, f"{n:,}") for field, value, n in rows[:_SHOWN])
    print_listing(("field", "value", "rows"), some)
    more = f"{len(rows) - _SHOWN:,} more values. " if len(rows) > _SHOWN else ""
    print(f"{more}To say what they mean: --write-map FILE writes them down, --map FILE reads it.")


def _said(seen: Seen) -> str:
    if seen.report is None:
        return f"error: {seen.error}"
    return " ".join([seen.report.in_words(), *seen.report.notes])
