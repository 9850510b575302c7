"""Full imports beside what is put one by one, on every database."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.schemas import DatasetType
from pawsonalize.events.datasets import DatasetRow, Datasets
from pawsonalize.events.imports import Imports
from pawsonalize.events.job_files import Sources
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    ImportMode,
    data_group,
)
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from tests.event_data import T0, event

COLUMNS = {
    DatasetType.ITEMS: ("ITEM_ID", "ORIGIN"),
    DatasetType.USERS: ("USER_ID", "ORIGIN"),
    DatasetType.ACTIONS: ("ACTION_ID", "ORIGIN"),
    DatasetType.INTERACTIONS: ("USER_ID", "ITEM_ID", "TIMESTAMP"),
    DatasetType.ACTION_INTERACTIONS: ("USER_ID", "ACTION_ID", "EVENT_TYPE", "TIMESTAMP"),
}
_OF_EVENTS = (DatasetType.INTERACTIONS, DatasetType.ACTION_INTERACTIONS)


class World:
    """A dataset group with every dataset, files of it, and the calls that put single records."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.log, self.catalogue, self._folder = EventLog(database), Catalogue(database), folder
        registry = Registry(Resources(database))
        self.datasets = Datasets(registry, self.log, self.catalogue)
        registry.create(DatasetGroup(name="shop"), T0)
        for kind, columns in COLUMNS.items():
            fields = [
                f'{{"name": "{name}", "type": "{"long" if name == "TIMESTAMP" else "string"}"}}'
                for name in columns
            ]
            name = kind.lower().replace("_", "-")
            avro = f'{{"type": "record", "fields": [{", ".join(fields)}]}}'
            registry.create(DatasetSchema(name=name, dataset_type=kind, avro=avro), T0)
            self.datasets.create(
                Dataset(name=name, dataset_group="shop", dataset_type=kind, schema=name), T0
            )
        sources = Sources((folder,), folder, open_objects)
        self._imports = Imports(self.datasets, sources, lambda: T0)

    def load(self, ids: Iterable[str], mode: ImportMode = ImportMode.FULL) -> None:
        """Import these ids into every dataset."""
        for kind, columns in COLUMNS.items():
            moment = ("1700000000",) if kind in _OF_EVENTS else ()
            before = {4: ("ann", "{}", "TAKEN"), 3: ("ann", "{}"), 2: ("{}", "file")}[len(columns)]
            row = ",".join((*before, *moment))
            path = self._folder / f"{kind}.csv"
            path.write_text("\n".join((",".join(columns), *(row.format(one) for one in ids))))
            job = DatasetImportJob(
                name="job",
                status=Status.CREATE_PENDING,
                dataset=self.datasets.of("shop", kind).name,
                source=f"file://{path}",
                mode=mode,
            )
            assert self._imports.perform(job)["rejected"] == 0

    def put(self, *ids: str) -> None:
        """Put these ids into every dataset, one by one."""
        for kind in COLUMNS:
            group = data_group("shop", kind)
            if kind in _OF_EVENTS:
                # Ids of their sites' choice, one of them like an import's.
                for one in ids:
                    names = (f"import-{one}", f"import-{one:0<32}")
                    sent = [event(name, item=one, dataset_group=group) for name in names]
                    assert all(self.log.append(sent))
            else:
                rows = [DatasetRow(one, {"ORIGIN": "put"}) for one in ids]
                assert self.datasets.put(self.datasets.of("shop", kind), rows) == ()

    def described(self, kind: DatasetType) -> dict[str, object]:
        """The origin of each record of a dataset, by its attribute."""
        catalogue = self.catalogue.of(data_group("shop", kind))
        if kind is DatasetType.USERS:
            return {one.user_id: one.attributes["ORIGIN"] for one in catalogue.users()}
        return {one.item_id: one.attributes["ORIGIN"] for one in catalogue.items()}

    def events(self, kind: DatasetType) -> list[tuple[str, str]]:
        """The items of its events, and how they came in."""
        group = data_group("shop", kind)
        events = [one.event for one in self.log.read(0, self.log.head(), 1_000)]
        return sorted(
            (one.item_id, "file" if one.session_id is None else "put")
            for one in events
            if one.dataset_group == group
        )


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World(database, tmp_path)


def test_two_full_imports_leave_what_was_put_before_between_and_after(world: World) -> None:
    world.put("before")
    world.load(["first", "both", "replaced"])
    world.put("between", "both")
    world.load(["second", "between", "rewritten"])
    world.put("after", "rewritten")
    for kind in set(COLUMNS) - set(_OF_EVENTS):
        assert world.described(kind) == {
            "before": "put",
            "both": "put",
            "between": "file",  # the newest write counts
            "second": "file",
            "after": "put",
            "rewritten": "put",
        }, kind
    put = ("before", "between", "both", "after", "rewritten")
    for kind in _OF_EVENTS:
        imported = [(one, "file") for one in ("second", "between", "rewritten")]
        assert world.events(kind) == sorted([*imported, *((one, "put") for one in put * 2)]), kind


def test_what_an_import_wrote_last_goes_with_the_next_full_one(world: World) -> None:
    world.put("put", "rewritten")
    world.load(["rewritten"])
    world.load(["new"])
    assert world.described(DatasetType.ITEMS) == {"put": "put", "new": "file"}
    world.load(["put"], ImportMode.INCREMENTAL)
    world.load(["new"])
    assert world.described(DatasetType.USERS) == {"new": "file"}


def test_a_user_who_said_something_of_themselves_since_an_import_stays(world: World) -> None:
    world.load(["ann", "bob"])
    world.catalogue.of("shop").set_attributes("ann", {"ALERTS": "yes"})
    world.load(["cleo"])
    assert set(world.described(DatasetType.USERS)) == {"ann", "cleo"}


def test_a_dataset_that_is_deleted_has_nothing_left_of_either_origin(world: World) -> None:
    world.put("put")
    world.load(["file"])
    for kind in COLUMNS:
        world.datasets.delete(world.datasets.of("shop", kind).name)
        left = world.events(kind) if kind in _OF_EVENTS else world.described(kind)
        assert not left, kind
