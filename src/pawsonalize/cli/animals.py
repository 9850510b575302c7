"""`pawsonalize animals`: the inventory."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from pawsonalize import clock
from pawsonalize.app import Adapters, read_weights, write_weights
from pawsonalize.cli import feeds
from pawsonalize.cli.feed_options import Columns, Dates, Format, read_feed_form
from pawsonalize.cli.feed_report import finish
from pawsonalize.cli.opening import opened, opened_or_made
from pawsonalize.cli.options import DataDir, Encoding, Json, Separator
from pawsonalize.cli.unrecognised import write_map
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.species import species_id
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.domain.times import iso, parse_moment
from pawsonalize.engine.ingest.feeds.feeds_file import read_header
from pawsonalize.engine.ingest.feeds.formats import FeedForm, read_feed
from pawsonalize.engine.ingest.feeds.importing import FeedImport, FeedReport, import_feed
from pawsonalize.engine.ingest.feeds.mapping import NO_MAPPING, ValueMapping
from pawsonalize.engine.ingest.feeds.sources import FeedSource
from pawsonalize.engine.ingest.feeds.watching import FolderWatch, Seen
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.engine.ingest.inventory.listing import read_status
from pawsonalize.engine.reporting.exposure_report import exposure_report
from pawsonalize.engine.serving.animals.settings import (
    FACTORS,
    MAX_CHOICES,
    OUTCOMES,
    Weights,
    learned_weights,
)
from pawsonalize.settings import load_settings
from pawsonalize.storage.animals import AnimalQuery

app = typer.Typer(no_args_is_help=True, help="The inventory: import it, look at it, change it.")


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
AnimalId = Annotated[str, typer.Argument(help="The animal's id.")]


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(help="The feed: a file, or an address (https://…).")],
    *,
    format: Format = None,  # noqa: A002  # the option's name
    complete: Complete = False,
    source: Source = "",
    allow_shrink: feeds.AllowShrink = False,
    encoding: Encoding = None,
    separator: Separator = None,
    columns: Columns = None,
    dates: Dates = None,
    header: Headers = None,
    errors: Annotated[
        Path | None, typer.Option(help="Write rejected rows to this file, as JSON Lines.")
    ] = None,
    map: Map = None,  # noqa: A002  # the option's name
    write_map_to: Annotated[
        Path | None,
        typer.Option("--write-map", help="Write a file for --map with the unrecognised values."),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import a feed from a file or an address; the same again changes nothing.

    Exit code 1 if there are rows and every one of them was rejected.

    Example: pawsonalize animals import petfinder.csv --complete
    """
    form = read_feed_form(format, encoding, separator, columns, dates)
    with opened_or_made(load_settings({"data_dir": data_dir})) as adapters:
        how = FeedImport(source, complete, allow_shrink, _mapping(map))
        if file.startswith(("http://", "https://")):
            report = _fetch(adapters, how, form, file, header or [])
        else:
            report = _take(adapters, how, form, Path(file))
    write_map(write_map_to, report.unrecognised)
    if errors is not None:
        errors.write_bytes(b"".join(row.json_line() for row in report.rejected))
    finish(report, json)


@app.command()
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
    form = read_feed_form(format, encoding, separator, columns, dates)
    console = Console(stderr=True, highlight=False)
    with opened_or_made(load_settings({"data_dir": data_dir})) as adapters:
        how = FeedImport(source, complete, mapping=_mapping(map))
        watch = FolderWatch(folder, partial(_take, adapters, how, form))
        console.print(f"Watching {folder} (stop it with Ctrl-C)")
        while True:
            for seen in watch.look():
                said = _said(seen)
                console.print(f"{seen.name}: {said}", markup=False)
            time.sleep(seconds)


app.command()(feeds.feeds)
app.command()(feeds.fetch)


@app.command()
def ls(
    status: Annotated[str | None, typer.Option(help="Only animals of this status.")] = None,
    species: Annotated[str | None, typer.Option(help="Only animals of this species.")] = None,
    shelter: Annotated[str | None, typer.Option(help="Only animals of this shelter.")] = None,
    source: Annotated[str | None, typer.Option(help="Only animals of this source.")] = None,
    after: Annotated[str | None, typer.Option(help="Only animals with a greater id.")] = None,
    limit: Annotated[int, typer.Option(help="How many, 1 to 500.")] = 50,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List animals by id.

    Example: pawsonalize animals ls --status available --species dog
    """
    query = AnimalQuery(
        limit,
        after,
        None if status is None else read_status(status),
        source,
        shelter,
        None if species is None else species_id(species),
    )
    with _inventory(data_dir) as inventory:
        found, _next = inventory.page(query)
    if json:
        print(msgspec.json.encode(found).decode())
        return
    table = Table("id", "name", "group", "status", "since", "shelter")
    now = clock.now()
    for animal in found:
        group = animal.group_at(now).id
        since = iso(animal.status_at)
        table.add_row(animal.animal_id, animal.name, group, animal.status, since, animal.shelter)
    Console().print(table)


@app.command()
def show(animal_id: AnimalId, data_dir: DataDir = None) -> None:
    """Show all that is known of an animal, as JSON.

    Example: pawsonalize animals show a-7
    """
    with _inventory(data_dir) as inventory:
        _show(inventory.get(animal_id))


@app.command()
def set_status(
    animal_id: AnimalId,
    status: Annotated[str, typer.Argument(help="What it is now.")],
    at: Annotated[str | None, typer.Option(help="Since when.", show_default="now")] = None,
    data_dir: DataDir = None,
) -> None:
    """Change what an animal is; running servers know it with their next answer.

    Example: pawsonalize animals set-status a-7 adopted
    """
    moment = None if at is None else parse_moment(at, "--at")
    with _inventory(data_dir) as inventory:
        changed = inventory.set_status(animal_id, read_status(status), clock.now(), moment)
    print(f"{changed.animal_id} is {changed.status} since {iso(changed.status_at)}")


@app.command()
def rm(animal_id: AnimalId, data_dir: DataDir = None) -> None:
    """Forget an animal and its history; who was adopted has a status for that.

    Example: pawsonalize animals rm a-7
    """
    with _inventory(data_dir) as inventory:
        inventory.forget(animal_id, clock.now())
    print(f"{animal_id} is forgotten")


@app.command()
def exposure(data_dir: DataDir = None, json: Json = False) -> None:
    """Report whether exposure is shared as the stock is, by species, age, size, colour and wait.

    Example: pawsonalize animals exposure
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        animals = list(Inventory(adapters.animals).all(AnimalStatus.AVAILABLE))
        shown = adapters.exposures.of([animal.animal_id for animal in animals])
    shares = exposure_report(animals, shown, clock.now())
    if json:
        print(msgspec.json.encode(shares).decode())
        return
    table = Table("by", "", "animals", "shown", "of stock", "of exposure", "ratio")
    for one in shares:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        stock, exposed = f"{one.share_of_stock:.1%}", f"{one.share_of_exposure:.1%}"
        table.add_row(
            one.by, one.value, f"{one.animals:,}", f"{one.shown:,}", stock, exposed, ratio
        )
    Console().print(table)


@app.command()
def learn(data_dir: DataDir = None, json: Json = False) -> None:
    """Learn the weights of individual factors from what answers of animals led to.

    Servers weigh by them within some seconds; `animal-weights.json` in the data folder holds them,
    and deleting it brings the defaults back.

    Example: pawsonalize animals learn
    """
    settings = load_settings({"data_dir": data_dir})
    used = read_weights(settings.animal_weights)
    with opened(settings) as adapters:
        choices = adapters.exposures.choices(OUTCOMES, MAX_CHOICES)
    weights = learned_weights(choices, Weights())
    write_weights(settings.animal_weights, weights)
    if json:
        print(msgspec.json.encode({"choices": len(choices), "weights": weights}).decode())
        return
    table = Table("factor", "default", "before", "now", title=f"{len(choices):,} choices")
    rows = zip(FACTORS, Weights().values(), used.values(), weights.values(), strict=True)
    for name, default, before, now in rows:
        table.add_row(name, f"{default:.3f}", f"{before:.3f}", f"{now:.3f}")
    Console().print(table)


def _mapping(path: Path | None) -> ValueMapping:
    return NO_MAPPING if path is None else ValueMapping.read(path)


def _fetch(
    adapters: Adapters, how: FeedImport, form: FeedForm, url: str, headers: list[str]
) -> FeedReport:
    read = dict(read_header(text, os.environ) for text in headers)
    source = FeedSource(url, read, form, how)
    now = clock.now()
    return source.taken(adapters.animals, source.fetched(), now)


def _take(adapters: Adapters, how: FeedImport, form: FeedForm, file: Path) -> FeedReport:
    try:
        content = file.read_bytes()
        written = int(file.stat().st_mtime * 1000)
    except OSError as error:
        raise InvalidInput(f"cannot read the feed {file}: {error.strerror}") from error
    now = clock.now()
    inventory = Inventory(adapters.animals)
    rows, notes = read_feed([content], form)
    report = import_feed(inventory, adapters.animals, rows, how, written, now)
    report.notes[:0] = notes
    return report


@contextmanager
def _inventory(data_dir: Path | None) -> Iterator[Inventory]:
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        yield Inventory(adapters.animals)


def _said(seen: Seen) -> str:
    if seen.report is None:
        return f"error: {seen.error}"
    return " ".join([seen.report.in_words(), *seen.report.notes])


def _show(animal: Animal) -> None:
    print(msgspec.json.format(msgspec.json.encode(animal)).decode())
