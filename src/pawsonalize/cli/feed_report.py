"""What a feed did, as commands say it."""

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from pawsonalize.cli.unrecognised import print_unrecognised
from pawsonalize.engine.ingest.feeds.importing import FeedReport

_SHOWN_ERRORS = 20
_MORE = "and {:,} more rejected rows: --errors FILE writes all of them to a file"


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
    if report.rejected:
        table = Table("place", "animal", "reason")
        for row in report.rejected[:_SHOWN_ERRORS]:
            table.add_row(str(row.place), row.animal_id or "", row.reason)
        Console().print(table)
    if (more := len(report.rejected) - _SHOWN_ERRORS) > 0:
        print(_MORE.format(more))
    print_unrecognised(report.unrecognised)
