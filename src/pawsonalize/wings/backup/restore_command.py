"""`pawsonalize restore`: a backup, back in an empty folder."""

from pathlib import Path
from typing import Annotated

import typer

from pawsonalize.cli.options import DataDir
from pawsonalize.cli.terminal import say
from pawsonalize.settings import load_settings


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    data_dir: DataDir = None,
) -> None:
    """Bring a backup back into an empty data folder; nothing is ever written over.

    The file is checked before anything is written. A PostgreSQL database must be without our
    tables; it needs pg_restore.

    Example: pawsonalize restore backup.tar.zst --data-dir restored
    """
    from pawsonalize.wings.backup.backups import restore as bring_back

    settings = load_settings({"data_dir": data_dir})
    found = bring_back(settings, file, say=lambda what: say(f"{what} …", "dim"))
    folder = settings.data_dir.absolute()
    print(f"{folder}: {found.events:,} events and {found.models:,} models, as of {found.made_at}")
    if not found.has_archive:
        print("The archive was not in the backup: set archive_url to where it is.")
    print(f"Look at it with: pawsonalize doctor --data-dir {folder}")
    print(f"Start it with:   pawsonalize serve --data-dir {folder}")
