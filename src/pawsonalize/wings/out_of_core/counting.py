"""What reads the training tables of a service, keeps them small, and erases from them."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pawsonalize.app.adapters import Adapters
from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import owning_group
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.upkeep.erased_archive import Watch
from pawsonalize.engine.upkeep.erasing import NamedErasure, Purge
from pawsonalize.settings import Settings
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedLookup, ErasedNames, Trouble
from pawsonalize.storage.events.training_files import TrainingFile, TrainingFiles, groups_with_files
from pawsonalize.wings.out_of_core import CountingSettings
from pawsonalize.wings.out_of_core.files import SCRATCH
from pawsonalize.wings.out_of_core.training_table import TrainingTable, visitor_number

if TYPE_CHECKING:
    from pawsonalize.wings.out_of_core.reading import TableReading


@dataclass(frozen=True, slots=True)
class TrainingTables:
    """The tables that have files."""

    groups: Callable[[], Sequence[str]]
    """The dataset groups that have files of a training table."""
    table: Callable[[str], TrainingTable]
    """The training table of a dataset group."""
    in_use: bool
    """Whether trainings read them. If not, a table goes as soon as anything in it has to."""

    def purge(self, erasures: Sequence[NamedErasure], watch: Watch) -> Iterator[Trouble]:
        """Take erased visitors out of all files; yields what cannot be read."""
        for group in self.groups():
            about = [one for one in erasures if one.erasure.dataset_group == owning_group(group)]
            if not about:
                continue
            table = self.table(group)
            try:
                if not self.in_use:
                    table.remove()
                for one in about if self.in_use else ():
                    table.purge(_numbers(one.names), one.erasure.through)
            except (CorruptArtefact, NotFound) as error:
                # It is made of the log, so it can be made anew.
                table.remove()
                yield Trouble(f"training table of {group}", f"{error.message}: it is made anew")
            watch("training table changed")

    def tidy(self) -> None:
        """Let go what left the log, and tables that are not used or whose log has changed."""
        for group in self.groups():
            self.table(group).tidy(in_use=self.in_use)


def _numbers(names: ErasedNames) -> set[int]:
    users = {visitor_number(user, None) for user in names.users}
    return users | {visitor_number(None, session) for session in names.sessions}


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
