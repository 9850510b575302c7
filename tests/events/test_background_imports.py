"""Import jobs in the background: from where they may read, what they do, and how they end."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.tables import Turns, WorkTable
from pawsonalize.events.datasets import Datasets
from pawsonalize.events.imports import Imports
from pawsonalize.events.job_files import Sources
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    ImportMode,
)
from pawsonalize.resources.job_table import JobKind, JobTable, lease_of
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from tests.event_data import T0, event, is_logged

AVRO = {
    DatasetType.INTERACTIONS: ("USER_ID", "ITEM_ID", "TIMESTAMP"),
    DatasetType.ITEMS: ("ITEM_ID", "GENRE"),
}
EVENTS = "USER_ID,ITEM_ID,TIMESTAMP\nann,tent,1700000000\nbob,stove,1700000000\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "imports"
    folder.mkdir()
    return folder


@pytest.fixture
def jobs(
    database: Database,
    registry: Registry,
    log: EventLog,
    catalogue: Catalogue,
    leases: Leases,
    folder: Path,
    tmp_path: Path,
) -> JobTable:
    registry.create(DatasetGroup(name="shop"), T0)
    for kind, columns in AVRO.items():
        fields = [
            f'{{"name": "{name}", "type": "{"long" if name == "TIMESTAMP" else "string"}"}}'
            for name in columns
        ]
        avro = f'{{"type": "record", "fields": [{", ".join(fields)}]}}'
        registry.create(DatasetSchema(name=kind.lower(), dataset_type=kind, avro=avro), T0)
        dataset = Dataset(
            name=kind.lower(), dataset_group="shop", dataset_type=kind, schema=kind.lower()
        )
        registry.create(dataset, T0)
    sources = Sources((folder,), tmp_path / "s3", open_objects)
    datasets = Datasets(registry, log, catalogue)
    imports = Imports(datasets, sources, lambda: T0)
    kinds = (JobKind(DatasetImportJob, imports.check, imports.perform),)
    turns = partial(Turns, database)
    return JobTable(registry, kinds, leases, lambda: T0, turns, imports.stopping)


def pending(dataset: str, location: object, mode: ImportMode = ImportMode.FULL) -> DatasetImportJob:
    status = Status.CREATE_PENDING
    return DatasetImportJob(
        name="job", status=status, dataset=dataset, source=str(location), mode=mode
    )


def done(jobs: JobTable, dataset: str, location: object, mode: ImportMode) -> DatasetImportJob:
    name = f"job-{len(list(jobs.registry.all(DatasetImportJob)))}"
    created = jobs.create(replace(pending(dataset, location, mode), name=name))
    assert created.status is Status.CREATE_PENDING
    assert jobs.work(jobs.kinds[0])
    return jobs.registry.get(DatasetImportJob, name)


def test_any_item_id_comes_into_the_datasets_own_group(
    jobs: JobTable, folder: Path, log: EventLog
) -> None:
    (folder / "events.csv").write_text(EVENTS)
    job = done(jobs, "interactions", f"file://{folder}/events.csv", ImportMode.INCREMENTAL)
    assert (job.status, job.accepted, job.rejected) == (Status.ACTIVE, 2, 0)
    assert set(log.of("shop").touched(0, 9)) == {"tent", "stove"}
    assert log.touched(0, 9) == {}
    again = done(jobs, "interactions", f"file://{folder}", ImportMode.INCREMENTAL)
    assert (again.accepted, again.duplicates) == (0, 2)


def test_full_replaces_what_was_imported_and_leaves_what_was_sent(
    jobs: JobTable, folder: Path, log: EventLog, catalogue: Catalogue
) -> None:
    ours = f"import-{'0' * 32}"
    log.append([event("live", item="tent", dataset_group="shop"), event(ours, session=None)])
    (folder / "events.csv").write_text(EVENTS)
    done(jobs, "interactions", f"file://{folder}", ImportMode.FULL)
    (folder / "events.csv").write_text("USER_ID,ITEM_ID,TIMESTAMP\nann,lamp,1700000000\n")
    done(jobs, "interactions", f"file://{folder}", ImportMode.FULL)
    assert set(log.of("shop").touched(0, 9)) == {"tent", "lamp"}
    assert is_logged(log, ours), "other groups keep what they imported"
    (folder / "events.csv").write_text("ITEM_ID,GENRE\na,x\n")
    done(jobs, "items", f"file://{folder}", ImportMode.FULL)
    (folder / "events.csv").write_text("ITEM_ID,GENRE\nb,x\n")
    done(jobs, "items", f"file://{folder}", ImportMode.INCREMENTAL)
    assert catalogue.of("shop").item_count() == 2
    done(jobs, "items", f"file://{folder}", ImportMode.FULL)
    assert [item.item_id for item in catalogue.of("shop").items()] == ["b"]


def test_a_file_of_another_form_fails_the_job_before_anything_is_replaced(
    jobs: JobTable, folder: Path, catalogue: Catalogue
) -> None:
    (folder / "a.csv").write_text("ITEM_ID,GENRE\na,x\n")
    done(jobs, "items", f"file://{folder}", ImportMode.FULL)
    (folder / "b.csv").write_text("ITEM_ID,COLOUR\nb,red\n")
    job = done(jobs, "items", f"file://{folder}", ImportMode.FULL)
    assert job.status is Status.CREATE_FAILED
    assert job.failure_reason
    assert "b.csv" in job.failure_reason
    assert "GENRE" in job.failure_reason
    assert catalogue.of("shop").item("a")


def test_bad_rows_are_named_and_cost_no_good_one(jobs: JobTable, folder: Path) -> None:
    (folder / "a.csv").write_text("ITEM_ID,GENRE\na,x\nb,\n")
    job = done(jobs, "items", f"file://{folder}", ImportMode.FULL)
    assert (job.status, job.accepted, job.rejected) == (Status.ACTIVE, 1, 1)
    assert job.errors == ("a.csv, line 3, GENRE: must not be empty",)
    (folder / "a.csv").write_text("ITEM_ID,GENRE\nb,\n")
    none = done(jobs, "items", f"file://{folder}", ImportMode.FULL)
    assert none.status is Status.CREATE_FAILED
    assert none.failure_reason == "no row is good; a.csv, line 2, GENRE: must not be empty"


def test_a_prefix_of_a_bucket_is_every_csv_below_it(
    jobs: JobTable, tmp_path: Path, catalogue: Catalogue
) -> None:
    for name in ("catalogue/a.csv", "catalogue/more/b.CSV", "catalogue/notes.txt", "other/c.csv"):
        path = tmp_path / "s3" / "bucket" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"ITEM_ID,GENRE\n{path.stem},x\n")
    job = done(jobs, "items", "s3://bucket/catalogue/", ImportMode.FULL)
    assert job.accepted == 2
    assert {item.item_id for item in catalogue.of("shop").items()} == {"a", "b"}


def test_a_bucket_of_an_object_store_is_read_by_its_keys(tmp_path: Path) -> None:
    for name in ("data/a.csv", "data/more/b.csv", "data/notes.txt"):
        open_objects(str(tmp_path)).put(name, name.encode())
    sources = Sources((), None, lambda url: open_objects(str(tmp_path)))
    found = []
    for file in sources.files("s3://bucket/data"):
        with file.open() as stream:
            found.append((file.name, stream.read()))
    assert found == [("data/a.csv", b"data/a.csv"), ("data/more/b.csv", b"data/more/b.csv")]
    assert [file.name for file in sources.files("s3://bucket/data/a.csv")] == ["data/a.csv"]


def test_nothing_is_read_outside_the_folders_nor_through_a_link(
    jobs: JobTable, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("ITEM_ID,GENRE\ns,x\n")
    (folder / "link.csv").symlink_to(outside / "secret.csv")
    (folder / "linked").symlink_to(outside)
    (tmp_path / "s3").mkdir()
    (tmp_path / "s3" / "linked").symlink_to(outside)
    for location in (
        f"file://{outside}/secret.csv",
        f"file://{folder}/../outside/secret.csv",
        f"file://{folder}/%2e%2e/outside/secret.csv",
        f"file://{folder}/link.csv",
        f"file://{folder}/linked/secret.csv",
        f"file://{folder}/linked",
        f"file://{folder}",
        "s3://linked/secret.csv",
        "s3://../outside",
        "s3://bucket/../../outside",
        "http://example.org/x.csv",
        f"{folder}/x.csv",
        "",
    ):
        with pytest.raises(InvalidInput, match="cannot read from"):
            jobs.create(pending("items", location))


def begun(jobs: JobTable, source: object) -> DatasetImportJob:
    """A job that some process has begun."""
    job = replace(pending("items", source), status=Status.CREATE_IN_PROGRESS)
    return jobs.registry.create(job, T0)


def test_a_job_whose_process_died_is_begun_anew_and_that_of_a_living_one_is_not(
    jobs: JobTable, registry: Registry, leases: Leases, folder: Path
) -> None:
    (folder / "a.csv").write_text("ITEM_ID,GENRE\na,x\n")
    job = begun(jobs, f"file://{folder}")
    with leases.held(lease_of(job)):
        assert not jobs.work(jobs.kinds[0])
        assert registry.get(DatasetImportJob, "job").status is Status.CREATE_IN_PROGRESS
    assert jobs.work(jobs.kinds[0])
    found = registry.get(DatasetImportJob, "job")
    assert (found.status, found.accepted) == (Status.ACTIVE, 1)


def test_a_job_whose_processes_died_again_and_again_has_failed(
    jobs: JobTable, registry: Registry, database: Database, leases: Leases, folder: Path
) -> None:
    (folder / "a.csv").write_text("ITEM_ID,GENRE\na,x\n")
    job, table, seen = begun(jobs, f"file://{folder}"), WorkTable(database), None
    for _ in range(3):
        seen = table.claim(lease_of(job), seen, f"{leases.machine}/1")
    assert jobs.work(jobs.kinds[0])
    found = registry.get(DatasetImportJob, "job")
    assert found.status is Status.CREATE_FAILED
    assert found.failure_reason
    assert "3 times" in found.failure_reason


def test_a_commands_import_that_died_has_failed_as_no_server_can_read_its_file(
    jobs: JobTable, registry: Registry
) -> None:
    begun(jobs, "/home/ann/items.csv")
    assert jobs.work(jobs.kinds[0])
    found = registry.get(DatasetImportJob, "job")
    assert found.status is Status.CREATE_FAILED
    assert found.failure_reason
    assert "create it again" in found.failure_reason


def test_a_job_that_the_server_did_not_finish_says_so(jobs: JobTable, folder: Path) -> None:
    (folder / "a.csv").write_text("ITEM_ID,GENRE\na,x\n")
    jobs.create(pending("items", f"file://{folder}"))
    jobs.stopping.set()
    assert not jobs.work(jobs.kinds[0])
    assert jobs.registry.get(DatasetImportJob, "job").status is Status.CREATE_PENDING
