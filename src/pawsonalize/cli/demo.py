"""`pawsonalize demo`: a demo adoption site with everything running."""

from dataclasses import replace
from typing import TYPE_CHECKING

from pawsonalize import clock
from pawsonalize.cli.options import DataDir, Host, Port, Workers
from pawsonalize.cli.serve import run_server, wait_for_port
from pawsonalize.cli.terminal import progress
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.settings import Settings, read_settings

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.demo import World

SEED = 7
_CHUNK = 5_000


def demo(
    data_dir: DataDir = None, host: Host = None, port: Port = None, workers: Workers = None
) -> None:
    """Fill an empty data folder with a demo world, and serve the adoption site at once.

    The first model is trained behind it, and takes over by itself.

    Example: pawsonalize demo --port 8080
    """
    options = {"data_dir": data_dir, "host": host, "port": port, "workers": workers}
    settings, written = read_settings({**options, "demo_site": True})
    wait_for_port(settings)
    prepare(settings)
    run_server(settings, written.sources)


def prepare(settings: Settings) -> None:
    """Make the demo world in an empty data folder; a filled one is left as it is."""
    from rich.console import Console

    from pawsonalize.app.adapters import opened
    from pawsonalize.demo import WorldSettings, generate

    console = Console(stderr=True)
    with opened(settings) as adapters:
        if adapters.log.head() == 0:
            world = generate(WorldSettings(), SEED, clock.now())
            store_world(adapters, world)
            console.print(
                f"Made a demo world: {len(world.animals):,} animals, {len(world.adopter_ids):,}"
                f" adopters, {len(world.events):,} events"
            )


def store_world(adapters: "Adapters", world: "World") -> None:
    """Store a world's animals, items and events, events last: they mark it as complete."""
    from pawsonalize.storage.animals.catalogue import Item

    received_at = clock.now()  # as an import would: what is stored now came in now
    adapters.animals.put(world.animals, received_at)
    first_listed: dict[AnimalGroup, int] = {}
    for animal in world.animals:
        first = animal.first_listed_at
        first_listed.setdefault(animal.group_at(first), first)
    adapters.catalogue.put_items(
        [Item(group.id, _attributes(group), listed) for group, listed in first_listed.items()]
    )
    with progress("storing the demo world") as bar:
        for start in range(0, len(world.events), _CHUNK):
            events = world.events[start : start + _CHUNK]
            adapters.log.append([replace(event, received_at=received_at) for event in events])
            bar(start + _CHUNK, len(world.events))


def _attributes(group: AnimalGroup) -> dict[str, str | float | None]:
    return {
        "ANIMAL_TYPE": group.species,
        "ANIMAL_BREED": group.breed,
        "ANIMAL_SIZE": group.size,
        "ANIMAL_AGE": group.age,
    }
