"""`pawsonalize demo` and `events sample`: a made-up shelter to serve, and events of one."""

import sys
from dataclasses import astuple, replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli.options import Command, DataDir, Host, Port, Workers
from pawsonalize.app.cli.serve import run_server, wait_for_port
from pawsonalize.app.cli.terminal import progress, say
from pawsonalize.app.settings import Settings, read_settings
from pawsonalize.core import clock
from pawsonalize.core.database.data_folder import check_database_is_there
from pawsonalize.core.event import Event
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import iso

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.plugins.demo.world import World

SEED = 7
_CHUNK = 5_000  # events that are stored at once


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
    from pawsonalize.app.adapters import opened

    if not settings.database_url:
        check_database_is_there(settings.data_dir.absolute())
    with opened(settings) as adapters:
        if adapters.log.head() == 0:
            world = _world()
            store_world(adapters, world)
            say(
                f"Made a demo world: {len(world.animals):,} animals, {len(world.adopter_ids):,}"
                f" adopters, {len(world.events):,} events"
            )


def store_world(adapters: "Adapters", world: "World") -> None:
    """Store a world's animals, items and events, events last: they mark it as complete."""
    from pawsonalize.animals.tables.catalogue import Item
    from pawsonalize.recommend.filtering import GROUP_FIELDS

    received_at = clock.now()  # as an import would: what is stored now came in now
    adapters.animals.put(world.animals, received_at)
    listed: dict[AnimalGroup, int] = {}
    for animal in world.animals:
        first = animal.first_listed_at
        listed.setdefault(animal.group_at(first), first)
    adapters.catalogue.put_items(
        [
            Item(group.id, dict(zip(GROUP_FIELDS, astuple(group), strict=True)), first)
            for group, first in listed.items()
        ]
    )
    with progress("storing the demo world") as bar:
        for start in range(0, len(world.events), _CHUNK):
            events = world.events[start : start + _CHUNK]
            adapters.log.append([replace(event, received_at=received_at) for event in events])
            bar(start + _CHUNK, len(world.events))


def sample(count: Annotated[int, typer.Option(min=1, help="How many events.")] = 1_000) -> None:
    """Print events of a made-up shelter as JSON Lines, without ids: each sending is new.

    Example: pawsonalize events sample --count 1000 > events.jsonl
    """
    forms = (_form(event) for event in _world().events if event.session_id is not None)
    lines = [msgspec.json.encode(form) + b"\n" for form in islice(forms, count)]
    sys.stdout.buffer.writelines(lines)
    if len(lines) < count:
        say(f"there are only {len(lines):,}: send them again with `events send --repeat`", "yellow")


def _world() -> "World":
    from pawsonalize.plugins.demo.settings import WorldSettings
    from pawsonalize.plugins.demo.world import generate

    return generate(WorldSettings(), SEED, clock.now())


def _form(event: "Event") -> dict[str, object]:
    group = AnimalGroup.parse(event.item_id)
    assert group is not None
    form: dict[str, object] = {
        "userId": event.user_id,
        "sessionId": event.session_id,
        "eventType": event.event_type,
        "animal_id": event.animal_id,
        "animalMetadata": group.metadata,
        "sentAt": iso(event.sent_at),
    }
    return {name: value for name, value in form.items() if value is not None}


COMMANDS = (Command("demo", demo, "Start here", after="init"), Command("events sample", sample))
