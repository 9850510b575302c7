"""`pawsonalize archive`: objects of archived events, their checks, and their way back."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from pawsonalize.app.cli.opening import add_command, dataset_group_of, opened, opened_or_made
from pawsonalize.app.cli.options import DataDir, DatasetGroupName, Json, command_group
from pawsonalize.app.cli.terminal import check_folder_of, progress
from pawsonalize.app.ports import ARCHIVE_REFUSED
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.late import late
from pawsonalize.core.times import parse_moment

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.events.archive import reading
    from pawsonalize.events.archive import replay as replaying
    from pawsonalize.events.archive.tables import Segment
else:
    reading = late("pawsonalize.events.archive.reading")
    replaying = late("pawsonalize.events.archive.replay")

_REREAD = ("same", "changed", "without_raw", "refused")
app = command_group("The raw archive of accepted events.")

Since = Annotated[
    str | None, typer.Option(help="Only what came in then or later.", show_default="all")
]
Until = Annotated[str | None, typer.Option(help="Only what came in before.", show_default="all")]


def _print_segments(segments: "Sequence[Segment]") -> None:
    for segment in segments:
        state = "" if segment.sha256 else "  (not written yet)"
        print(f"{segment.key}  {segment.rows:,} rows{state}")
    print(f"{len(segments):,} objects, {sum(segment.rows for segment in segments):,} rows")


@add_command(app, "ls", _print_segments)
def ls(adapters: "Adapters") -> "Sequence[Segment]":
    """List the archive's objects and the log offsets they hold.

    Example: pawsonalize archive ls
    """
    return adapters.ledger.segments()


def _print_run(done: dict[str, Any]) -> str:
    return "\n".join(filter(None, [f"{done['rows']:,} rows archived", done["more"]]))


@add_command(app, "run", _print_run)
def run(adapters: "Adapters") -> dict[str, object]:
    """Archive now what the log holds, and dead letters; a running server does so by itself.

    Example: pawsonalize archive run
    """
    rows = adapters.archiver.archive_once()
    return {"rows": rows, "more": ARCHIVE_REFUSED(adapters)}


def _print_verification(found: "reading.Verification") -> None:
    for finding in found.findings:
        print(f"{finding.key}: {finding.problem}")
    text = f"{found.objects:,} objects with {found.rows:,} rows checked"
    text += f", {len(found.findings):,} findings"
    if found.head > found.planned_through:
        text += f"; the log's offsets {found.planned_through + 1:,} to {found.head:,}"
        text += " await archiving"
    print(text)


@add_command(app, "verify", _print_verification, failed=lambda found: found.findings)
def verify(adapters: "Adapters") -> "reading.Verification":
    """Compare every object with the ledger and the log; exit code 1 if anything differs.

    Example: pawsonalize archive verify
    """
    with progress("verifying") as bar:
        return reading.verify(adapters.log, adapters.ledger, adapters.objects, bar)


@add_command(app, "compact", "{joined:,} objects went into larger ones".format_map)
def compact(adapters: "Adapters") -> dict[str, int]:
    """Join now the objects of days that are over; a running server does so by itself.

    Example: pawsonalize archive compact
    """
    from pawsonalize.events.archive.archiver import Compaction

    sizes = adapters.erased_archive.index.sizes
    joined = Compaction(adapters.ledger, adapters.objects, sizes=sizes).compact(clock.now())
    return {"joined": joined}


@add_command(app, "mend", "\n".join)
def mend(adapters: "Adapters") -> list[str]:
    """Write objects again that are missing or damaged, if the events table still has their events.

    The table does not have events as they came in: what the damaged object no longer tells of
    that is lost, and the row is written without it.

    Example: pawsonalize archive mend
    """
    return list(reading.mend(adapters.log, adapters.erased_archive))


@app.command("replay")
def replay(
    since: Since = None,
    until: Until = None,
    reread: Annotated[
        bool, typer.Option("--reread", help="Read events anew from how they came in.")
    ] = False,
    into: Annotated[
        str | None, typer.Option(help="Append to this dataset group of a log that is in use.")
    ] = None,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Rebuild an empty events table from the archive alone, or append to another dataset group.

    What a time range leaves out stays in the archive alone, as do items, users and models. With
    --into, events of --dataset-group get new places in the log; those that are there already stay.
    Objects that are damaged are left out and named, as are gaps between objects; exit code 1 then.

    Example: pawsonalize archive replay --data-dir restored --since 2026-11-01
    """
    settings = load_settings({"data_dir": data_dir})
    if into is not None:
        _replay_into(settings, (since, until), reread, into, dataset_group, json)
        return
    if dataset_group is not None:
        raise InvalidInput("--dataset-group goes with --into: an empty table gets them all")
    period = _period(since, until)
    with opened_or_made(settings, rebuilds=True) as adapters, progress("replaying") as bar:
        archive, erasures = adapters.erased_archive, adapters.erasures
        rereading = _rereading(adapters) if reread else None
        done = replaying.replay(
            adapters.log, archive, erasures, clock.now, bar, period=period, rereading=rereading
        )
    lines = [f"{done.restored:,} events restored"]
    if done.left_out:
        lines.append(f"{done.left_out:,} events left out: they came in at another time")
    _print_replayed(done, lines, rereading, json)


def _replay_into(
    settings: Settings,
    times: tuple[str | None, str | None],
    reread: bool,
    into: str,
    of: str | None,
    json: bool,
) -> None:
    period = _period(*times)
    with opened(settings) as adapters, progress("replaying") as bar:
        source, target = (dataset_group_of(adapters, one) for one in (of, into))
        if source == target:
            raise InvalidInput(f"{target} has these events: name another group with --into")
        rereading = _rereading(adapters) if reread else None
        reader = reading.ArchiveReader(adapters.erased_archive, period)
        done = replaying.ReplayInto(
            source, target, adapters.log, reader, adapters.erased, clock.now, rereading
        ).replay(bar)
    lines = [
        f"{done.read:,} events of {source} read, {done.stored:,} stored in {target},"
        f" {done.duplicates:,} were there"
    ]
    if done.erased:
        lines.append(f"{done.erased:,} left out: their visitors were erased from {target}")
    if done.refused:
        lines.append(f"{done.refused:,} left out: their items are no animal groups")
        lines += [f"  {one}" for one in done.named]
    _print_replayed(done, lines, rereading, json)


def _print_replayed(
    done: Any, lines: list[str], rereading: "replaying.Rereading | None", json: bool
) -> None:
    """Print what came of a replay; exit code 1 if the archive lacks anything."""
    damaged, gaps = done.damaged, getattr(done, "gaps", ())
    if json:
        counts = rereading and {n: getattr(rereading, n) for n in _REREAD}
        print(msgspec.json.encode(msgspec.structs.asdict(done) | {"reread": counts}).decode())
    else:
        print(*lines, sep="\n")
        _tell_reread(rereading)
        _name_losses(damaged, gaps)
    if damaged or gaps:
        raise typer.Exit(1)


def _name_losses(damaged: Sequence[str], gaps: Sequence[tuple[int, int]]) -> None:
    for reason in damaged:
        print(f"left out: {reason}")
    for first, last in gaps:
        print(
            f"no object has offsets {first:,} to {last:,}: they were erased or never stored, or an"
            " object is missing"
        )
    if damaged or gaps:
        print("bring back from a copy what is damaged or missing, and replay again")


@add_command(app, "export", lambda done: f"{done.events:,} events in {done.files:,} files")
def export(
    adapters: "Adapters",
    parquet: Annotated[Path, typer.Option(help="A folder that gets a Parquet file for each day.")],
    since: Since = None,
    until: Until = None,
    dataset_group: Annotated[
        str | None, typer.Option(help="Only this dataset group.", show_default="all")
    ] = None,
) -> "reading.Exported":
    """Export the archive as Parquet, one file for each day in which events came in.

    Example: pawsonalize archive export --parquet lake --since 2026-11-01
    """
    check_folder_of(parquet)
    period = _period(since, until)
    with progress("exporting") as bar:
        group = dataset_group and dataset_group_of(adapters, dataset_group)
        reader = reading.ArchiveReader(adapters.erased_archive, period)
        return reading.ArchiveExport(reader, parquet, group, bar).write()


def _period(since: str | None, until: str | None) -> "reading.Period":
    return reading.Period(
        None if since is None else parse_moment(since, "--since"),
        None if until is None else parse_moment(until, "--until"),
    )


def _rereading(adapters: "Adapters") -> "replaying.Rereading":
    # Raw events are those of the JSON API and Amazon's calls.
    from msgspec.structs import replace

    from pawsonalize.aws.events import read_raw_call
    from pawsonalize.aws.raw_calls import is_raw_call
    from pawsonalize.core.event import Event
    from pawsonalize.events.event_form import read_event, single
    from pawsonalize.events.ingest import group_at

    names = adapters.animal_names
    group_of = partial(group_at, adapters.animals)

    def read(raw: str, was: Event) -> Event:
        if is_raw_call(raw):
            return read_raw_call(raw, was, names)
        found = single(raw.encode())
        # A stream may have said when it took the event, which is not in what it took.
        origin = replace(found.origin, sent_at=found.origin.sent_at or was.sent_at)
        payload = replace(found, origin=origin)
        return read_event(payload, was.received_at, group_of, was.dataset_group)

    return replaying.Rereading(read)


def _tell_reread(rereading: "replaying.Rereading | None") -> None:
    if rereading is None:
        return
    stayed = rereading.without_raw + rereading.refused
    print(f"read anew: {rereading.changed:,} changed, {rereading.same:,} are the same as before")
    if stayed:
        print(
            f"as archived: {rereading.without_raw:,} without their raw form,"
            f" {rereading.refused:,} that cannot be read any more"
        )
        print(*(f"  {one}" for one in rereading.named), sep="\n")
        if stayed > len(rereading.named):
            print(f"  and {stayed - len(rereading.named):,} more")
