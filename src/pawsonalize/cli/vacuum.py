"""`pawsonalize vacuum`: the database file without what is free in it."""

from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir
from pawsonalize.settings import load_settings


def vacuum(data_dir: DataDir = None) -> None:
    """Write the SQLite file anew, once; from then on servers give free space back by themselves.

    It needs free space of the file's size. Meanwhile events wait, and are refused after 15 seconds.

    Example: pawsonalize vacuum
    """
    from pawsonalize.storage.file_size import FileSize, rewrite

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        before = FileSize.of(adapters.database)
        if before is None:
            print("PostgreSQL sees to that by itself")
            return
        rewrite(adapters.database)
        after = FileSize.of(adapters.database) or before
    print(f"{before.total / 1e6:,.1f} MB were {after.total / 1e6:,.1f} MB afterwards")
