"""`pawsonalize consume`: events from a stream into the log."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import opened_or_made
from pawsonalize.app.cli.options import Command, DataDir, Json
from pawsonalize.app.cli.terminal import print_result, progress, say
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import StorageUnavailable, StreamUnavailable
from pawsonalize.core.roles import CONSUME

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.events.ingest import Intake
    from pawsonalize_streams.consuming import BatchCounts, Consumer
    from pawsonalize_streams.stream_shards import ShardTable

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_LOOK_SECONDS = 5.0


def consume(
    stream: Annotated[
        str | None,
        typer.Option(
            "--stream",
            help="kinesis://NAME?region=…, nats://host:4222/STREAM or kafka://host:9092/TOPIC.",
            show_default="the setting stream_url",
        ),
    ] = None,
    tracking_id: Annotated[
        str | None,
        typer.Option(
            "--tracking-id",
            help="The event tracker it belongs to.",
            show_default="the default dataset group's",
        ),
    ] = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End once the stream has nothing more.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Read events from a stream until told to stop; any number of consumers share the work.

    Example: pawsonalize consume --stream nats://localhost:4222/EVENTS
    """
    from pawsonalize.core.work.servers import take_part, this_process

    settings = load_settings(
        {"data_dir": data_dir, "stream_url": stream, "stream_tracking_id": tracking_id}
    )
    with (
        opened_or_made(settings) as adapters,
        _stopping() as stop,
        take_part(
            this_process((CONSUME,), settings.database_connections),
            adapters.servers.table,
            adapters.problems,
            adapters.servers,
        ),
    ):
        sums = _consume(settings, adapters, stop, until_caught_up)
    print_result(sums, json, _print_sums)


def _print_sums(sums: "BatchCounts") -> None:
    print(
        f"{sums.records:,} records: {sums.accepted:,} events stored,"
        f" {sums.duplicates:,} were stored before, {sums.refused:,} dead letters"
    )


def _consume(
    settings: Settings, adapters: "Adapters", stop: threading.Event, until_caught_up: bool
) -> "BatchCounts":
    from pawsonalize.core.logs import configure_logs
    from pawsonalize_streams.reading import consumer_of, shards_of, source_of
    from pawsonalize_streams.served import count_batch

    configure_logs(settings.log_format, settings.log_level)
    source, ingest = source_of(settings, adapters), adapters.ingest
    intake = adapters.intake
    consumer = consumer_of(settings, adapters, ingest, intake, count_batch)
    say(f"reading {source.shown}; Ctrl-C stops", "dim")
    try:
        sums = _loop(consumer, shards_of(source, adapters), intake, stop, until_caught_up)
        intake.look(clock.now())
        return sums
    finally:
        consumer.stream.close()
        ingest.close()


def _loop(
    consumer: "Consumer",
    shards: "ShardTable",
    intake: "Intake",
    stop: threading.Event,
    until_caught_up: bool,
) -> "BatchCounts":
    from pawsonalize_streams.consuming import BatchCounts
    from pawsonalize_streams.reading import WAIT_SECONDS, CatchingUp

    sums, pause = BatchCounts(), _FIRST_PAUSE
    catching_up, look_at = CatchingUp(consumer, shards), 0.0
    with progress("events") as bar:
        while not stop.is_set():
            try:
                if time.monotonic() >= look_at:
                    intake.look(clock.now())
                    look_at = time.monotonic() + _LOOK_SECONDS
                counts = consumer.step(WAIT_SECONDS)
                is_over = until_caught_up and catching_up.is_over(counts)
            except (StorageUnavailable, StreamUnavailable) as error:
                say(f"{error}; trying again in {pause:g} s", "yellow")
                stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            sums, pause = sums.plus(counts), _FIRST_PAUSE
            waiting = (
                sum(one.messages or 0 for one in consumer.stream.lag()) if counts.records else 0
            )
            bar(sums.records, sums.records + waiting)
            if is_over:
                break
    return sums


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    # A signal only sets the event, so the batch that is being stored is stored first.
    stop = threading.Event()
    before = {
        one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


COMMANDS = (Command("consume", consume, "Animals and events"),)
