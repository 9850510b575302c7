"""How a feed is written, on the command line."""

from typing import Annotated

import typer

from pawsonalize.engine.ingest.feeds.dates import DateOrder
from pawsonalize.engine.ingest.feeds.formats import FORMATS, FeedForm
from pawsonalize.engine.ingest.feeds.table import TableForm, read_columns, read_date_order
from pawsonalize.engine.ingest.importing.text_form import read_text_form

Format = Annotated[
    str | None,
    typer.Option("--format", help=f"One of {', '.join(FORMATS)}.", show_default="as it looks"),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        help="Which column holds what: id=COLUMN,species=COLUMN, or a YAML file of such lines.",
        show_default="those of our own names",
    ),
]
Dates = Annotated[
    str | None,
    typer.Option(
        "--dates",
        help=f"{', '.join(DateOrder)}: month first, day first, only ever the year first.",
        show_default="as the column looks",
    ),
]


def read_feed_form(
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
