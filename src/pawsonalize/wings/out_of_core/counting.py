"""Training tables over the adapters: reading, upkeep, and erasure."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pawsonalize.app.adapters import Adapters
from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import owning_group
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.upkeep.erased_archive import NamedErasure, Watch
from pawsonalize.engine.upkeep.erasing import Purge
from pawsonalize.settings import Settings
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedLookup, Trouble
from pawsonalize.storage.events.training_files import TrainingFile, TrainingFiles, groups_with_files
from pawsonalize.wings.out_of_core.files import SCRATCH
from pawsonalize.wings.out_of_core.training_table import TrainingTable, visitor_number

if TYPE_CHECKING:
    from pawsonalize.wings.out_of_core.reading import TableReading


def open_reading(
    settings: Settings, megabytes: int, database: Database, objects: ObjectStore
) -> "TableReading":
    """Open what reads the training table, in parts of so many megabytes."""
    from pawsonalize.wings.out_of_core.reading import TableReading  # noqa: PLC0415

    return TableReading(
        lambda purpose: settings.data_dir.absolute() / SCRATCH / quote(purpose, safe=""),
        megabytes,
        partial(training_table, database, objects),
        partial(_fetched, settings, objects),
    )


def upkeep(
    _settings: Settings, adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what takes out of the training tables what left the log."""

    def tidy(_now: int) -> None:
        for _, table in _tables(adapters):
            table.tidy(in_use=adapters.reading is not None)

    yield "tidy training tables", tidy


def purge_of(adapters: Adapters) -> Purge:
    """Return what takes erased visitors out of all files, and yields what cannot be read."""

    def purge(erasures: Sequence[NamedErasure], watch: Watch) -> Iterator[Trouble]:
        for group, table in _tables(adapters):
            about = [one for one in erasures if one.erasure.dataset_group == owning_group(group)]
            if not about:
                continue
            try:
                if adapters.reading is None:  # not used: the next training that does writes it anew
                    table.remove()
                for one in about if adapters.reading is not None else ():
                    users = {visitor_number(user, None) for user in one.names.users}
                    sessions = {visitor_number(None, session) for session in one.names.sessions}
                    table.purge(users | sessions, one.erasure.through)
            except (CorruptArtefact, NotFound) as error:
                table.remove()  # it is made of the log, so it can be made anew
                yield Trouble(f"training table of {group}", f"{error.message}: it is made anew")
            watch("training table changed")

    return purge


PURGES = (purge_of,)


def _tables(adapters: Adapters) -> Iterator[tuple[str, TrainingTable]]:
    for group in groups_with_files(adapters.database):
        reader = FacetReader.of(adapters.catalogue.of(group))
        yield group, training_table(adapters.database, adapters.objects, group, reader)


def training_table(
    database: Database, objects: ObjectStore, dataset_group: str, reader: FacetReader
) -> TrainingTable:
    """The training table of a dataset group."""
    files = TrainingFiles(database, dataset_group)
    return TrainingTable(files, objects, dataset_group, reader, ErasedLookup(database))


def _fetched(
    settings: Settings, objects: ObjectStore, folder: Path, files: Sequence[TrainingFile]
) -> list[str]:
    archive, is_local = settings.archive, "://" not in settings.archive
    paths = []
    for number, file in enumerate(files):
        path = folder / f"{number}.parquet"
        # A training that died may have left one.
        path.unlink(missing_ok=True)
        with suppress(OSError):  # of another file system, or gone: then it is read
            if is_local:
                os.link(Path(archive) / file.key, path)
        if not path.exists():
            path.write_bytes(objects.get(file.key))
        paths.append(str(path))
    return paths
