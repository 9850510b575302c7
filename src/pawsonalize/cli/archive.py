"""`pawsonalize archive`: what of the log lies in the archive, and back."""

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened, opened_or_made
from pawsonalize.cli.options import DataDir, Json, command_group
from pawsonalize.cli.terminal import progress
from pawsonalize.settings import load_settings

app = command_group("The raw archive of accepted events.")


@app.command("ls")
def ls(data_dir: DataDir = None, json: Json = False) -> None:
    """List the archive's objects and the log offsets they hold.

    Example: pawsonalize archive ls
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        segments = adapters.ledger.segments()
    if json:
        print(msgspec.json.encode(segments).decode())
        return
    for segment in segments:
        state = "" if segment.sha256 else "  (not written yet)"
        print(f"{segment.key}  {segment.rows:,} rows{state}")
    print(f"{len(segments):,} objects, {sum(segment.rows for segment in segments):,} rows")


@app.command("run")
def run(data_dir: DataDir = None) -> None:
    """Archive now what the log holds; a running server does so by itself.

    Example: pawsonalize archive run
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        rows = adapters.archiver.archive_once()
    print(f"{rows:,} rows archived")


@app.command("verify")
def verify(data_dir: DataDir = None, json: Json = False) -> None:
    """Compare every object with the ledger and the log; exit code 1 if anything differs.

    Example: pawsonalize archive verify
    """
    from pawsonalize.engine.upkeep.verification import verify as verify_archive

    with (
        opened(load_settings({"data_dir": data_dir})) as adapters,
        progress("verifying") as bar,
    ):
        found = verify_archive(adapters.log, adapters.ledger, adapters.objects, bar)
    if json:
        print(msgspec.json.encode(found).decode())
    else:
        for finding in found.findings:
            print(f"{finding.key}: {finding.problem}")
        print(
            f"{found.objects:,} objects with {found.rows:,} rows checked,"
            f" {len(found.findings):,} findings; the log's offsets {found.planned_through + 1:,}"
            f" to {found.head:,} await archiving"
            if found.head > found.planned_through
            else f"{found.objects:,} objects with {found.rows:,} rows checked,"
            f" {len(found.findings):,} findings"
        )
    if found.findings:
        raise typer.Exit(1)


@app.command("compact")
def compact(data_dir: DataDir = None) -> None:
    """Join now the objects of days that are over; a running server does so by itself.

    Example: pawsonalize archive compact
    """
    from pawsonalize.engine.upkeep.compaction import Compaction

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        joined = Compaction(adapters.ledger, adapters.objects).compact(clock.now())
    print(f"{joined:,} objects went into larger ones")


@app.command("mend")
def mend(data_dir: DataDir = None) -> None:
    """Write objects again that are missing or damaged, if the events table still has their events.

    The table does not have events as they came in: what the damaged object no longer tells of
    that is lost, and the row is written without it.

    Example: pawsonalize archive mend
    """
    from pawsonalize.engine.upkeep.mending import mend as mend_archive

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        for key in mend_archive(adapters.log, adapters.erased_archive):
            print(key)


@app.command("replay")
def replay(data_dir: DataDir = None) -> None:
    """Rebuild an empty events table from the archive alone.

    Example: pawsonalize archive replay --data-dir restored
    """
    from pawsonalize.engine.upkeep.replay import replay as replay_archive

    with (
        opened_or_made(load_settings({"data_dir": data_dir})) as adapters,
        progress("replaying") as bar,
    ):
        archive, erasures = adapters.erased_archive, adapters.erasures
        rows = replay_archive(adapters.log, archive, erasures, clock.now, bar)
    print(f"{rows:,} events restored")
