"""`pawsonalize animals feeds` and `fetch`: feeds at addresses."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from pawsonalize import clock
from pawsonalize.app import listed_feeds, polling
from pawsonalize.cli.feed_report import finish
from pawsonalize.cli.opening import opened, opened_or_made
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.times import iso
from pawsonalize.engine.ingest.feeds.sources import FeedSource
from pawsonalize.fetch.http import shown
from pawsonalize.settings import Settings, load_settings

Name = Annotated[str, typer.Argument(help="The feed's name in the feeds file.")]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Even if more than 30% of the animals are gone.")
]


def feeds(data_dir: DataDir = None, json: Json = False) -> None:
    """List the feeds of the feeds file: where each comes from, and what came of it last.

    Example: pawsonalize animals feeds
    """
    settings = load_settings({"data_dir": data_dir})
    listed, now = listed_feeds(settings), clock.now()
    with opened(settings) as adapters:
        poll = polling(settings, adapters)
        states = [poll.state(name, now) for name in listed]
    if json:
        print(msgspec.json.encode(states).decode())
        return
    table = Table("feed", "address", "schedule", "looked at", "what came of it")
    for state, feed in zip(states, listed.values(), strict=True):
        looked = iso(state.looked_at) if state.looked_at else "never"
        said = f"failed: {state.said}" if state.failed else state.said
        table.add_row(state.name, shown(feed.source.url), feed.schedule, looked, said)
    Console().print(table)


def fetch(
    name: Name,
    allow_shrink: AllowShrink = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Fetch a feed of the feeds file now, whatever its schedule.

    Exit code 1 if it cannot be fetched, or if every row of it was rejected.

    Example: pawsonalize animals fetch north
    """
    settings = load_settings({"data_dir": data_dir})
    source = _source(settings, name)
    with opened_or_made(settings) as adapters:
        poll = polling(settings, adapters)
        report = poll.take(name, source, clock.now(), allow_shrink=allow_shrink)
    if report is None:
        print("null" if json else f"{name} has not changed since it was fetched last")
    else:
        finish(report, json)


def _source(settings: Settings, name: str) -> FeedSource:
    listed = listed_feeds(settings)
    if name not in listed:
        known = f"there are {', '.join(listed)}" if listed else "set feeds_file to one that has it"
        raise NotFound(f"no feed is named {name}: {known}")
    return listed[name].source
