"""`pawsonalize backup`, `restore` and `destroy`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pawsonalize.app.cli.opening import opened
from pawsonalize.app.cli.options import Command, DataDir, Json
from pawsonalize.app.cli.terminal import say
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.times import SECOND


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
    from pawsonalize.plugins.backup.backups import back_up

    settings = load_settings({"data_dir": data_dir})
    target = file or Path(
        f"pawsonalize-{datetime.fromtimestamp(clock.now() / SECOND, UTC):%Y%m%d-%H%M%S}.tar.zst"
    )
    with opened(settings) as adapters:
        made = back_up(settings, adapters, target, clock.now, with_archive=archive, show=_show)
    size = target.stat().st_size
    if json:
        found = {"file": str(target), "bytes": size, **msgspec.structs.asdict(made)}
        print(msgspec.json.encode(found).decode())
        return
    elsewhere = f"not the archive, which is at {settings.archive}"
    archived = "the archive" if made.has_archive else elsewhere
    print(f"{target}: {size / 1e6:,.1f} MB, as of {made.made_at}")
    print(f"  {made.events:,} events, {made.models:,} models, {archived}")
    print(f"Bring it back with: pawsonalize restore {target} --data-dir ANOTHER_FOLDER")


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Bring a backup back into an empty data folder; nothing is ever written over.

    The file is checked before anything is written. A PostgreSQL database must be without our
    tables; it needs pg_restore.

    Example: pawsonalize restore backup.tar.zst --data-dir restored
    """
    from pawsonalize.plugins.backup.backups import restore as bring_back

    settings = load_settings({"data_dir": data_dir})
    found = bring_back(settings, file, show=_show)
    folder = settings.data_dir.absolute()
    if json:
        restored = {"folder": str(folder), **msgspec.structs.asdict(found)}
        print(msgspec.json.encode(restored).decode())
        return
    print(f"{folder}: {found.events:,} events and {found.models:,} models, as of {found.made_at}")
    if not found.has_archive:
        print("The archive was not in the backup: set archive_url to where it is.")
    print(f"Look at it with: pawsonalize doctor --data-dir {folder}")
    print(f"Start it with:   pawsonalize serve --data-dir {folder}")


def destroy(
    archive: Annotated[
        bool, typer.Option("--archive", help="The archive of events as well, for good.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Take everything away in dependency order: campaigns, models, database, files.

    It says what will go, and asks. The archive stays, so that `pawsonalize archive replay` can
    bring the events back. Servers must be stopped. Your config file stays, too.

    Example: pawsonalize destroy --yes
    """
    from pawsonalize.app import adapters as app
    from pawsonalize.plugins.backup.backups import kept, parts, refuse_while_used

    settings = load_settings({"data_dir": data_dir})
    with app.opened(settings, must_exist=True) as adapters:
        refuse_while_used(adapters)
        steps = list(parts(settings, adapters, with_archive=archive))
        tell = say if json else print
        tell("\n  ".join(["This goes, for good:", *(what for what, _ in steps)]))
        if stays := list(kept(settings, with_archive=archive)):
            tell("\n  ".join(["This stays:", *stays]))
        if not yes:
            typer.confirm("Take it away?", abort=True, err=json)
        for what, remove in steps:
            remove()
            tell(f"gone: {what}")
    if json:
        print(msgspec.json.encode({"gone": [what for what, _ in steps], "stays": stays}).decode())


def _show(step: str) -> None:
    say(f"{step} …", "dim")


COMMANDS = tuple(
    Command(run.__name__, run, "Look after the service") for run in (backup, restore, destroy)
)
