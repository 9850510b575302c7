"""What reads the training tables of a service, keeps them small, and erases from them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pawsonalize.app.adapters import Adapters
from pawsonalize.archive.base import ObjectStore
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.upkeep.erasing import Purge
from pawsonalize.settings import Settings
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedLookup
from pawsonalize.storage.events.training_files import TrainingFile, TrainingFiles, groups_with_files
from pawsonalize.wings.out_of_core.files import SCRATCH
from pawsonalize.wings.out_of_core.settings import CountingSettings
from pawsonalize.wings.out_of_core.training_table import TrainingTable
from pawsonalize.wings.out_of_core.training_tables import TrainingTables

if TYPE_CHECKING:  # imported only where trainings use it
    from pawsonalize.wings.out_of_core.reading import TableReading


def open_reading(settings: Settings, database: Database, objects: ObjectStore) -> "TableReading":
    """Open what reads the training table."""
    from pawsonalize.wings.out_of_core.reading import TableReading  # noqa: PLC0415

    return TableReading(
        lambda purpose: settings.data_dir.absolute() / SCRATCH / quote(purpose, safe=""),
        settings.part(CountingSettings).training_memory_megabytes,
        partial(training_table, database, objects),
        partial(_fetched, settings, objects),
    )


def upkeep(
    _settings: Settings, adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what takes out of the training tables what left the log."""
    yield "tidy training tables", lambda _now: _tables(adapters).tidy()


def _purge(adapters: Adapters) -> Purge:
    return _tables(adapters).purge


def _tables(adapters: Adapters) -> TrainingTables:
    database, objects, catalogue = adapters.database, adapters.objects, adapters.catalogue
    return TrainingTables(
        partial(groups_with_files, database),
        lambda group: training_table(database, objects, group, FacetReader.of(catalogue.of(group))),
        in_use=adapters.reading is not None,
    )


PURGES = (_purge,)


def training_table(
    database: Database, objects: ObjectStore, dataset_group: str, reader: FacetReader
) -> TrainingTable:
    """The training table of a dataset group."""
    files = TrainingFiles(database, dataset_group)
    return TrainingTable(files, objects, dataset_group, reader, ErasedLookup(database))


def _fetched(
    settings: Settings, objects: ObjectStore, folder: Path, files: Sequence[TrainingFile]
) -> list[str]:
    """Copies or links of the files, since others may replace them meanwhile."""
    archive, is_local = settings.archive, "://" not in settings.archive
    paths = []
    for number, file in enumerate(files):
        path = folder / f"{number}.parquet"
        path.unlink(missing_ok=True)
        if not (is_local and _linked(Path(archive) / file.key, path)):
            path.write_bytes(objects.get(file.key))
        paths.append(str(path))
    return paths


def _linked(source: Path, path: Path) -> bool:
    with suppress(OSError):  # of another file system, or gone: then it is read
        os.link(source, path)
    return path.exists()
