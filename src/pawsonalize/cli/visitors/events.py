"""`pawsonalize events`: what comes in, and events to try the whole flow with."""

import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.options import command_group
from pawsonalize.cli.terminal import progress, say
from pawsonalize.cli.visitors.tail import tail
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import iso
from pawsonalize.settings import load_settings
from pawsonalize.wing import offered

if TYPE_CHECKING:
    from pawsonalize.domain.events import Event

app = command_group("Events: watched as they come in, made up, and sent to try things out.")
app.command("tail")(tail)

_SEED = 7


@app.command("send")
def send(
    file: Annotated[Path, typer.Argument(help="JSON Lines, an event each; - reads stdin.")],
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="A stream's URL, or the service's, such as http://127.0.0.1:8080.",
            show_default="the setting stream_url",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="Events a second; 0: as fast as it goes.")
    ] = 0,
    repeat: Annotated[int, typer.Option("--repeat", min=1, help="How often to send it.")] = 1,
    create: Annotated[
        bool, typer.Option("--create", help="Make the stream if it is missing.")
    ] = False,
    key: Annotated[
        str, typer.Option("--key", envvar="ACCESS_KEY", help="The service's access key.")
    ] = "",
) -> None:
    """Send the events of a file. A stream keeps the order of each user, or else of each session.

    Example: pawsonalize events send events.jsonl --to nats://localhost:4222/EVENTS --create
    """
    from pawsonalize.app.sending import Sender

    if not (to := to or offered("default_stream", load_settings())):
        raise InvalidInput("say where to: --to, with a stream's URL or the service's", field="to")
    if str(file) != "-" and not file.is_file():
        raise InvalidInput(f"there is no file {file}: make one with `pawsonalize events sample`")
    with closing(Sender(to, key=key, rate=rate, create=create)) as sender, progress("sent") as bar:
        for sent in sender.send(_lines(file, repeat)):
            bar(sent, 0)
    print(f"{sender.sent.events:,} events sent, {sender.sent.refused:,} of them refused")
    for reason in dict.fromkeys(sender.sent.reasons[:10]):
        print(f"  {reason}")
    for warning in sender.sent.warnings:
        say(f"  {warning}", "yellow")
    if sender.sent.refused:
        raise typer.Exit(1)


@app.command("sample")
def sample(
    count: Annotated[int, typer.Option("--count", min=1, help="How many events.")] = 1_000,
) -> None:
    """Print events of a made-up shelter as JSON Lines, without ids: each sending is new.

    Example: pawsonalize events sample --count 1000 > events.jsonl
    """
    from pawsonalize.demo import WorldSettings, generate

    world = generate(WorldSettings(), _SEED, clock.now())
    forms = (_form(event) for event in world.events if event.session_id is not None)
    lines = [msgspec.json.encode(form) + b"\n" for form in islice(forms, count)]
    sys.stdout.buffer.writelines(lines)
    if len(lines) < count:
        say(f"there are only {len(lines):,}: send them again with `events send --repeat`", "yellow")


def _form(event: "Event") -> dict[str, object]:
    group = AnimalGroup.parse(event.item_id)
    assert group is not None
    form: dict[str, object] = {
        "userId": event.user_id,
        "sessionId": event.session_id,
        "eventType": event.event_type,
        "animal_id": event.animal_id,
        "animalMetadata": {
            "animal_species_id": group.species,
            "animal_primary_breed_id": group.breed,
            "animal_size_id": group.size,
            "animal_age_id": group.age,
        },
        "sentAt": iso(event.sent_at),
    }
    return {name: value for name, value in form.items() if value is not None}


def _lines(file: Path, repeat: int) -> Iterator[bytes]:
    if str(file) == "-":
        if repeat > 1:
            raise InvalidInput("stdin can be read once: send a file to repeat it")
        yield from sys.stdin.buffer
        return
    for _ in range(repeat):
        with file.open("rb") as lines:
            yield from lines
