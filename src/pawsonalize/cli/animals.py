"""`pawsonalize animals`: the inventory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json, command_group
from pawsonalize.cli.resources import print_fields
from pawsonalize.cli.terminal import print_listing, print_result
from pawsonalize.domain.attributes import species_id
from pawsonalize.domain.times import iso, parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pawsonalize.domain.animals import Animal
    from pawsonalize.engine.ingest.inventory import Inventory
    from pawsonalize.engine.reporting.exposure_report import ExposureShare

app = command_group("The inventory: import it, look at it, change it.")

AnimalId = Annotated[str, typer.Argument(help="The animal's id.")]


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
    from pawsonalize.engine.ingest.listings import read_status
    from pawsonalize.storage.animals.animals import AnimalQuery

    query = AnimalQuery(
        limit,
        after,
        None if status is None else read_status(status),
        source,
        shelter,
        None if species is None else species_id(species),
    )
    with _inventory(data_dir) as inventory:
        print_result(inventory.page(query)[0], json, _print_animals)


def _print_animals(found: "Sequence[Animal]") -> None:
    now = clock.now()
    rows = (
        (one.animal_id, one.name, one.group_at(now).id, one.status, iso(one.status_at), one.shelter)
        for one in found
    )
    print_listing(("id", "name", "group", "status", "since", "shelter"), rows)


@app.command()
def show(animal_id: AnimalId, data_dir: DataDir = None, json: Json = False) -> None:
    """Show all that is known of an animal.

    Example: pawsonalize animals show a-7
    """
    with _inventory(data_dir) as inventory:
        print_fields(inventory.get(animal_id), json)


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
    from pawsonalize.engine.ingest.listings import read_status

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
    from pawsonalize.engine.ingest.inventory import Inventory
    from pawsonalize.engine.reporting.exposure_report import available_exposure

    with opened(data_dir) as adapters:
        inventory = Inventory(adapters.animals)
        shares = available_exposure(inventory, adapters.exposures, clock.now())
    print_result(shares, json, _print_exposure)


def _print_exposure(shares: "Sequence[ExposureShare]") -> None:
    rows = []
    for one in shares:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        stock, exposed = f"{one.share_of_stock:.1%}", f"{one.share_of_exposure:.1%}"
        rows.append(
            (one.by, one.value, f"{one.animals:,}", f"{one.shown:,}", stock, exposed, ratio)
        )
    print_listing(("by", "", "animals", "shown", "of stock", "of exposure", "ratio"), rows)


@contextmanager
def _inventory(data_dir: Path | None) -> Iterator["Inventory"]:
    from pawsonalize.engine.ingest.inventory import Inventory

    with opened(data_dir) as adapters:
        yield Inventory(adapters.animals)
