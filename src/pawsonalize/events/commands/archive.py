"""`pawsonalize archive`: objects of archived events, their checks, and their way back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import add_command, dataset_group_of, opened, opened_or_made
from pawsonalize.app.cli.options import DataDir, DatasetGroupName, command_group
from pawsonalize.app.cli.terminal import check_folder_of, progress
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.late import late
from pawsonalize.core.plugin import offered
from pawsonalize.core.times import parse_moment

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.events.archive import reading
    from pawsonalize.events.archive import replay as replaying
    from pawsonalize.events.archive.tables import Segment
else:
    reading = late("pawsonalize.events.archive.reading")
    replaying = late("pawsonalize.events.archive.replay")

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


@add_command(app, "run")
def run(adapters: "Adapters") -> None:
    """Archive now what the log holds, and dead letters; a running server does so by itself.

    Example: pawsonalize archive run
    """
    print(f"{adapters.archiver.archive_once():,} rows archived")
    if more := offered("archive_run", adapters):
        print(more)


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


@add_command(app, "compact")
def compact(adapters: "Adapters") -> None:
    """Join now the objects of days that are over; a running server does so by itself.

    Example: pawsonalize archive compact
    """
    from pawsonalize.events.archive.archiver import Compaction

    sizes = adapters.erased_archive.index.sizes
    joined = Compaction(adapters.ledger, adapters.objects, sizes=sizes).compact(clock.now())
    print(f"{joined:,} objects went into larger ones")


@add_command(app, "mend")
def mend(adapters: "Adapters") -> None:
    """Write objects again that are missing or damaged, if the events table still has their events.

    The table does not have events as they came in: what the damaged object no longer tells of
    that is lost, and the row is written without it.

    Example: pawsonalize archive mend
    """
    for key in reading.mend(adapters.log, adapters.erased_archive):
        print(key)


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
) -> None:
    """Rebuild an empty events table from the archive alone, or append to another dataset group.

    What a time range leaves out stays in the archive alone, as do items, users and models. With
    --into, events of --dataset-group get new places in the log; those that are there already stay.
    Objects that are damaged are left out and named, as are gaps between objects; exit code 1 then.

    Example: pawsonalize archive replay --data-dir restored --since 2026-11-01
    """
    settings = load_settings({"data_dir": data_dir})
    if into is not None:
        _replay_into(settings, (since, until), reread, into, dataset_group)
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
    print(f"{done.restored:,} events restored")
    if done.left_out:
        print(f"{done.left_out:,} events left out: they came in at another time")
    _tell_reread(rereading)
    _name_losses(done.damaged, done.gaps)


def _replay_into(
    settings: Settings,
    times: tuple[str | None, str | None],
    reread: bool,
    into: str,
    of: str | None,
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
    print(
        f"{done.read:,} events of {source} read, {done.stored:,} stored in {target},"
        f" {done.duplicates:,} were there"
    )
    if done.erased:
        print(f"{done.erased:,} left out: their visitors were erased from {target}")
    if done.refused:
        print(f"{done.refused:,} left out: their items are no animal groups")
        print(*(f"  {one}" for one in done.named), sep="\n")
    _tell_reread(rereading)
    _name_losses(done.damaged)


def _name_losses(damaged: Sequence[str], gaps: Sequence[tuple[int, int]] = ()) -> None:
    """Name what the archive lacks, and end with exit code 1 if that is anything."""
    for reason in damaged:
        print(f"left out: {reason}")
    for first, last in gaps:
        print(
            f"no object has offsets {first:,} to {last:,}: they were erased or never stored, or an"
            " object is missing"
        )
    if damaged or gaps:
        print("bring back from a copy what is damaged or missing, and replay again")
        raise typer.Exit(1)


@add_command(app, "export")
def export(
    adapters: "Adapters",
    parquet: Annotated[Path, typer.Option(help="A folder that gets a Parquet file for each day.")],
    since: Since = None,
    until: Until = None,
    dataset_group: Annotated[
        str | None, typer.Option(help="Only this dataset group.", show_default="all")
    ] = None,
) -> None:
    """Export the archive as Parquet, one file for each day in which events came in.

    Example: pawsonalize archive export --parquet lake --since 2026-11-01
    """
    check_folder_of(parquet)
    period = _period(since, until)
    with progress("exporting") as bar:
        group = dataset_group and dataset_group_of(adapters, dataset_group)
        reader = reading.ArchiveReader(adapters.erased_archive, period)
        done = reading.ArchiveExport(reader, parquet, group, bar).write()
    print(f"{done.events:,} events in {done.files:,} files")


def _period(since: str | None, until: str | None) -> "reading.Period":
    return reading.Period(
        None if since is None else parse_moment(since, "--since"),
        None if until is None else parse_moment(until, "--until"),
    )


def _rereading(adapters: "Adapters") -> "replaying.Rereading":
    from pawsonalize.app.upkeep import raw_event_reader

    return replaying.Rereading(raw_event_reader(adapters))


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
