"""`pawsonalize animals import`, `watch`, `feeds` and `fetch`: the inventory from feeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli.opening import opened, opened_or_made
from pawsonalize.app.cli.options import Command, DataDir, Encoding, Json, Separator
from pawsonalize.app.cli.terminal import check_new, print_listing, write_new
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import NotFound
from pawsonalize.core.late import late
from pawsonalize.core.times import iso

if TYPE_CHECKING:
    from pawsonalize.plugins.feeds import feed_import, formats, importing, mapping, polling, rows
else:
    feed_import = late("pawsonalize.plugins.feeds.feed_import")
    formats = late("pawsonalize.plugins.feeds.formats")
    importing = late("pawsonalize.plugins.feeds.importing")
    mapping = late("pawsonalize.plugins.feeds.mapping")
    polling = late("pawsonalize.plugins.feeds.polling")
    rows = late("pawsonalize.plugins.feeds.rows")

_IN_A_FILE = 100_000  # bad rows that are written to a file

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="One of jsonl, csv, asm3-json, asm3-csv, petfinder-json, rescuegroups, petfinder-csv,"
        " shelterluv, adoptapet, adoptapet-csv, petpoint, petpoint-csv, chameleon, austin,"
        " austin-shelterbuddy, dallas, king-county, montgomery, sonoma.",
        show_default="as it looks",
    ),
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
        help="us, eu, iso: month first, day first, only ever the year first.",
        show_default="as the column looks",
    ),
]
Source = Annotated[str, typer.Option(help="Whose animals they are; their ids become SOURCE:ID.")]
Complete = Annotated[
    bool,
    typer.Option("--complete/--delta", help="Whether animals that are not in the file are gone."),
]
Headers = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        help="To send to the address, 'Name: value'; ${NAME} is an environment variable.",
    ),
]
Map = Annotated[
    Path | None, typer.Option("--map", help="A file that says what the source's values mean.")
]
Name = Annotated[str, typer.Argument(help="The feed's name in the feeds file.")]
AllowKnown = Annotated[
    bool, typer.Option("--allow-known", help="Even if most animals are known from another source.")
]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Even if more than 30% of the animals are gone.")
]


def import_(
    file: Annotated[str, typer.Argument(help="The feed: a file, or an address (https://…).")],
    *,
    format: Format = None,  # noqa: A002  # the option's name
    complete: Complete = False,
    source: Source = "",
    allow_shrink: AllowShrink = False,
    allow_known: AllowKnown = False,
    encoding: Encoding = None,
    separator: Separator = None,
    columns: Columns = None,
    dates: Dates = None,
    header: Headers = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what the import would do.")
    ] = False,
    errors: Annotated[
        Path | None,
        typer.Option(help="Write rejected and contradictory rows to this new file, as JSON Lines."),
    ] = None,
    map: Map = None,  # noqa: A002  # the option's name
    write_map_to: Annotated[
        Path | None,
        typer.Option(
            "--write-map", help="Write a new file for --map with the unrecognised values."
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import a feed from a file or an address; the same again changes nothing.

    Exit code 1 if there are rows and every one of them was rejected.

    Example: pawsonalize animals import petfinder.csv --complete
    """
    check_new(errors)
    check_new(write_map_to)
    named = rows.read_columns(columns or [])
    form = formats.FeedForm.read(format, encoding, separator, named, dates)
    with opened_or_made(load_settings({"data_dir": data_dir})) as adapters:
        meanings = mapping.ValueMapping.read(map)
        how = importing.FeedImport(
            source, complete, allow_shrink, allow_known, meanings, _IN_A_FILE
        )
        if file.startswith(("http://", "https://")):
            report = feed_import.fetched(adapters, how, form, file, header or [], dry_run=dry_run)
        else:
            report = feed_import.import_file(adapters, how, form, Path(file), dry_run=dry_run)
    if write_map_to is not None:
        write_new(write_map_to, mapping.skeleton(report.unrecognised).encode())
    if errors is not None:
        write_new(errors, report.bad_rows())
    feed_import.finish(report, json)


def watch(
    folder: Annotated[Path, typer.Argument(help="Where the feeds are put.")],
    *,
    format: Format = None,  # noqa: A002  # the option's name
    complete: Complete = False,
    source: Source = "",
    map: Map = None,  # noqa: A002  # the option's name
    encoding: Encoding = None,
    separator: Separator = None,
    columns: Columns = None,
    dates: Dates = None,
    seconds: Annotated[float, typer.Option(min=0.05, help="How often to look.")] = 5.0,
    data_dir: DataDir = None,
) -> None:
    """Import every feed that is put into a folder, until stopped.

    Taken files move to FOLDER/taken; refused ones, and those whose every row was rejected, to
    FOLDER/refused. Put a file there under a
    name that ends in .tmp and rename it, or let it be: it is taken when it no longer grows.

    Example: pawsonalize animals watch /srv/feeds --complete
    """
    named = rows.read_columns(columns or [])
    form = formats.FeedForm.read(format, encoding, separator, named, dates)
    with opened_or_made(load_settings({"data_dir": data_dir})) as adapters:
        meanings = mapping.ValueMapping.read(map)
        how = importing.FeedImport(source, complete, mapping=meanings, most_kept=_IN_A_FILE)
        feed_import.watch(adapters, folder, how, form, seconds)


def feeds(data_dir: DataDir = None, json: Json = False) -> None:
    """List the feeds of the feeds file: where each comes from, and what came of it last.

    Example: pawsonalize animals feeds
    """
    from pawsonalize.core.fetch import safe_address

    with opened(data_dir) as adapters:
        poll = polling.polling(adapters.settings, adapters)
        states = [poll.state(name, clock.now()) for name in poll.feeds]
    if json:
        print(msgspec.json.encode(states).decode())
        return
    listed = []
    for state, feed in zip(states, poll.feeds.values(), strict=True):
        looked = iso(state.looked_at) if state.looked_at else "never"
        result = f"failed: {state.result}" if state.failed else state.result
        listed.append((state.name, safe_address(feed.source.url), feed.schedule, looked, result))
    print_listing(("feed", "address", "schedule", "looked at", "what came of it"), listed)


def fetch(
    name: Name, allow_shrink: AllowShrink = False, data_dir: DataDir = None, json: Json = False
) -> None:
    """Fetch a feed of the feeds file now, whatever its schedule.

    Exit code 1 if it cannot be fetched, or if every row of it was rejected.

    Example: pawsonalize animals fetch north
    """
    settings = load_settings({"data_dir": data_dir})
    listed = polling.listed_feeds(settings)
    if name not in listed:
        known = f"there are {', '.join(listed)}" if listed else "set feeds_file to one that has it"
        raise NotFound(f"no feed is named {name}: {known}")
    with opened_or_made(settings) as adapters:
        poll = polling.polling(settings, adapters)
        report = poll.take(name, listed[name].source, clock.now(), allow_shrink=allow_shrink)
    if report is None:
        print("null" if json else f"{name} has not changed since it was fetched last")
    else:
        feed_import.finish(report, json)


COMMANDS = (
    Command("animals import", import_),
    Command("animals watch", watch),
    Command("animals feeds", feeds),
    Command("animals fetch", fetch),
)
