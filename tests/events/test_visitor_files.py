"""Which files of jobs hold a visitor: as a whole word, in text or compressed."""

import gzip
from pathlib import Path

import msgspec
import pytest

from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.times import DAY
from pawsonalize.events.erasure.erased_archive import NamedErasure
from pawsonalize.events.erasure.erasing import VisitorFiles
from pawsonalize.events.erasure.tables import ErasedNames, Erasure
from pawsonalize.resources.jobs import DatasetExportJob
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from tests.event_data import T0


@pytest.fixture
def files(registry: Registry, tmp_path: Path) -> VisitorFiles:
    return VisitorFiles(registry, (tmp_path / "jobs", tmp_path / "missing"))


def named(*users: str, tables_at: int = T0) -> NamedErasure:
    return NamedErasure(Erasure("e", "pawsonalize", T0, 1, tables_at=tables_at), ErasedNames(users))


def test_files_in_which_the_id_stands_as_a_word_are_found(
    files: VisitorFiles, tmp_path: Path
) -> None:
    folder = tmp_path / "jobs" / "export"
    folder.mkdir(parents=True)
    (folder / "plain.csv").write_text("USER_ID,ITEM_ID\n7,x\n")
    (folder / "quoted.jsonl").write_text('{"userId": "7"}\n')
    (folder / "longer.csv").write_text("USER_ID\n77\nuser-7\n7@example.org\n")
    with gzip.open(folder / "small.csv.gz", "wt") as file:
        file.write("USER_ID\n7\n")
    (folder / "broken.csv.gz").write_bytes(b"no gzip")
    found = {Path(one).name for one in files.find(named("7"))}
    assert found == {"plain.csv", "quoted.jsonl", "small.csv.gz", "broken.csv.gz"}


def test_an_id_of_several_words_is_found_too(files: VisitorFiles, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "a.csv").write_text('USER_ID\n"Ann, of the hill"\n')
    assert [Path(one).name for one in files.find(named("Ann, of the hill"))] == ["a.csv"]
    assert list(files.find(named())) == []


def test_parquet_files_are_named_because_their_text_is_packed(
    files: VisitorFiles, tmp_path: Path
) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "events.parquet").write_bytes(b"PAR1")
    assert [Path(one).name for one in files.find(named("7"))] == ["events.parquet"]


def export(registry: Registry, name: str, target: str, at: int = T0) -> DatasetExportJob:
    job = DatasetExportJob(name=name, dataset="pawsonalize-interactions", target=target)
    return registry.create(job, at)


def test_buckets_of_jobs_are_named_though_nobody_looks_into_them(
    files: VisitorFiles, registry: Registry
) -> None:
    export(registry, "one", "s3://bucket/out")
    export(registry, "two", "file:///exports")
    assert list(files.find(named("7"))) == ["s3://bucket/out (not looked into)"]


def test_a_job_that_may_have_read_the_visitor_is_waited_for(
    files: VisitorFiles, registry: Registry
) -> None:
    job = export(registry, "one", "file:///exports")
    export(registry, "later", "file:///exports", T0 + DAY)
    (trouble,) = files.jobs_at_work([named("7")])
    assert (trouble.place, trouble.waits) == ("one", True)
    registry.update(msgspec.structs.replace(job, status=Status.ACTIVE), T0)
    assert list(files.jobs_at_work([named("7")])) == []


def test_files_in_a_bucket_that_machines_share_are_looked_into(registry: Registry) -> None:
    url, objects = "gs://bucket/exports", open_objects("memory://")
    objects.put("job/plain.csv", b"USER_ID\n7\n")
    objects.put("job/small.csv.gz", gzip.compress(b"USER_ID\n7\n"))
    objects.put("job/other.csv", b"USER_ID\n77\n")
    export(registry, "one", f"{url}/job")
    files = VisitorFiles(registry, (), ((url, objects),))
    assert set(files.find(named("7"))) == {f"{url}/job/plain.csv", f"{url}/job/small.csv.gz"}


def test_a_shared_bucket_of_s3_is_not_named_as_one_that_nobody_looks_into(
    registry: Registry,
) -> None:
    export(registry, "one", "s3://bucket/exports/job")
    export(registry, "two", "s3://bucket/other")
    files = VisitorFiles(registry, (), (("s3://bucket/exports", open_objects("memory://")),))
    assert list(files.find(named("7"))) == ["s3://bucket/other (not looked into)"]
