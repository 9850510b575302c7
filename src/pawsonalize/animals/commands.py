"""`pawsonalize animals`: the inventory."""

from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import add_command
from pawsonalize.app.cli.options import command_group
from pawsonalize.app.cli.terminal import print_listing
from pawsonalize.core import clock
from pawsonalize.core.attributes import species_id
from pawsonalize.core.times import iso, parse_moment
from pawsonalize.resources.commands import print_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pawsonalize.animals.animal import Animal
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.reports.exposure_report import ExposureShare

app = command_group("The inventory: import it, look at it, change it.")

AnimalId = Annotated[str, typer.Argument(help="The animal's id.")]


def _print_animals(found: "Sequence[Animal]") -> None:
    now = clock.now()
    rows = (
        (one.animal_id, one.name, one.group_at(now).id, one.status, iso(one.status_at), one.shelter)
        for one in found
    )
    print_listing(("id", "name", "group", "status", "since", "shelter"), rows)


@add_command(app, "ls", _print_animals)
def ls(
    adapters: "Adapters",
    status: Annotated[str | None, typer.Option(help="Only animals of this status.")] = None,
    species: Annotated[str | None, typer.Option(help="Only animals of this species.")] = None,
    shelter: Annotated[str | None, typer.Option(help="Only animals of this shelter.")] = None,
    source: Annotated[str | None, typer.Option(help="Only animals of this source.")] = None,
    after: Annotated[str | None, typer.Option(help="Only animals with a greater id.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, 1 to 500.")] = 50,
) -> list["Animal"]:
    """List animals by id.

    Example: pawsonalize animals ls --status available --species dog
    """
    from pawsonalize.animals.listings import read_status
    from pawsonalize.animals.tables.animals import AnimalQuery

    query = AnimalQuery(
        limit,
        after,
        None if status is None else read_status(status),
        source,
        shelter,
        None if species is None else species_id(species),
    )
    return adapters.inventory.page(query)[0]


@add_command(app, "show", print_fields)
def show(adapters: "Adapters", animal_id: AnimalId) -> "Animal":
    """Show all that is known of an animal.

    Example: pawsonalize animals show a-7
    """
    return adapters.inventory.get(animal_id)


@add_command(app, "set-status", lambda a: f"{a.animal_id} is {a.status} since {iso(a.status_at)}")
def set_status(
    adapters: "Adapters",
    animal_id: AnimalId,
    status: Annotated[str, typer.Argument(help="What it is now.")],
    at: Annotated[str | None, typer.Option(help="Since when.", show_default="now")] = None,
) -> "Animal":
    """Change what an animal is; running servers know it with their next answer.

    Example: pawsonalize animals set-status a-7 adopted
    """
    from pawsonalize.animals.listings import read_status

    moment = None if at is None else parse_moment(at, "--at")
    return adapters.inventory.set_status(animal_id, read_status(status), clock.now(), moment)


@add_command(app, "delete", "{deleted} is forgotten".format_map)
def delete(adapters: "Adapters", animal_id: AnimalId) -> dict[str, str]:
    """Forget an animal and its history; who was adopted has a status for that.

    Example: pawsonalize animals delete a-7
    """
    adapters.inventory.forget(animal_id, clock.now())
    return {"deleted": animal_id}


def _print_exposure(shares: "Sequence[ExposureShare]") -> None:
    rows = []
    for one in shares:
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        stock, exposed = f"{one.share_of_stock:.1%}", f"{one.share_of_exposure:.1%}"
        rows.append(
            (one.by, one.value, f"{one.animals:,}", f"{one.shown:,}", stock, exposed, ratio)
        )
    print_listing(("by", "", "animals", "shown", "of stock", "of exposure", "ratio"), rows)


@add_command(app, "exposure", _print_exposure)
def exposure(adapters: "Adapters") -> "list[ExposureShare]":
    """Report whether exposure is shared as the stock is, by species, age, size, colour and wait.

    Example: pawsonalize animals exposure
    """
    from pawsonalize.reports.exposure_report import available_exposure

    return available_exposure(adapters.inventory, adapters.exposures, clock.now())
