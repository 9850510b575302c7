"""`pawsonalize backup`: all of the service in one file, while it runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.terminal import say
from pawsonalize.domain.times import SECOND
from pawsonalize.settings import load_settings

_MEGABYTE = 1_000_000


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The file to write; one that is there stays.",
            show_default="pawsonalize-DATE-TIME.tar.zst",
        ),
    ] = None,
    archive: Annotated[
        bool, typer.Option(help="With the archive, if it lies in the data folder.")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Write database, models, pointers and access keys into one file; servers go on meanwhile.

    Every event that was acknowledged before it began is in it. Keep the file safe: it holds every
    visitor, and the root of the access keys. Of PostgreSQL it needs pg_dump.

    Example: pawsonalize backup backup.tar.zst
    """
    from pawsonalize.wings.backup.backups import back_up

    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    target = file or Path(
        f"pawsonalize-{datetime.fromtimestamp(now / SECOND, UTC):%Y%m%d-%H%M%S}.tar.zst"
    )
    with opened(settings) as adapters:
        made = back_up(
            settings,
            adapters,
            target,
            now,
            with_archive=archive,
            say=lambda what: say(f"{what} …", "dim"),
        )
    size = target.stat().st_size
    if json:
        told = {"file": str(target), "bytes": size, **msgspec.structs.asdict(made)}
        print(msgspec.json.encode(told).decode())
        return
    print(f"{target}: {size / _MEGABYTE:,.1f} MB, as of {made.made_at}")
    archived = _archive(made.has_archive, settings.archive)
    print(f"  {made.events:,} events, {made.models:,} models, {archived}")
    print(f"Bring it back with: pawsonalize restore {target} --data-dir ANOTHER_FOLDER")


def _archive(is_in_it: bool, place: str) -> str:
    return "the archive" if is_in_it else f"not the archive, which is at {place}"
