"""Records of jobs and files of jobs are deleted when they are old."""

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.times import DAY
from pawsonalize.operations.retention import delete_files, delete_jobs, delete_objects, keep_days
from pawsonalize.resources.jobs import DataDeletionJob, DatasetExportJob
from pawsonalize.resources.kind import Resource, Status
from pawsonalize.resources.registry import Registry, to_row
from pawsonalize.resources.solutions import Cut, SolutionVersion
from tests.event_data import T0

NOW = T0 + 100 * DAY


def store(registry: Registry, resource: Resource, ended_days_ago: float) -> None:
    at = NOW - round(ended_days_ago * DAY)
    row = to_row(msgspec.structs.replace(resource, created_at=at, updated_at=at))
    assert registry.rows.create(row)


def export(name: str, **more: Any) -> DatasetExportJob:
    plain = DatasetExportJob(name=name, status=Status.ACTIVE, dataset="d", target="t")
    return msgspec.structs.replace(plain, **more)


def erasure(name: str) -> DataDeletionJob:
    return DataDeletionJob(name=name, status=Status.ACTIVE, dataset_group="pawsonalize")


def files(folder: Path, days: int, now: int) -> int:
    return keep_days(days, "deleted", partial(delete_files, folder))(now)


def left(registry: Registry, days: int) -> list[str]:
    kinds: tuple[type[Resource], ...] = (DatasetExportJob, DataDeletionJob)
    keep_days(days, "deleted", partial(delete_jobs, registry, kinds))(NOW)
    return sorted(job.name for kind in kinds for job in registry.all(kind))


def test_jobs_are_kept_so_many_days_after_they_ended(registry: Registry) -> None:
    store(registry, export("old"), 31)
    store(registry, export("failed", status=Status.CREATE_FAILED), 31)
    store(registry, export("young"), 29)
    store(registry, export("in-work", status=Status.CREATE_IN_PROGRESS), 99)
    assert left(registry, 0) == ["failed", "in-work", "old", "young"]
    assert left(registry, 30) == ["in-work", "young"]


def test_an_erasure_is_on_record_while_a_version_of_before_it_is_there(registry: Registry) -> None:
    version = SolutionVersion(name="v", solution="recommender", recipe="x", cut=Cut(0, T0))
    store(registry, version, 50)
    store(registry, erasure("before"), 51)
    store(registry, erasure("after"), 49)
    assert left(registry, 30) == ["after"]
    registry.delete(SolutionVersion, "v")
    assert left(registry, 30) == []


def days_from_now(days: float) -> int:
    return round((time.time() + days * 86_400) * 1000)


def test_files_are_kept_for_so_many_days_and_empty_folders_go_with_them(tmp_path: Path) -> None:
    (tmp_path / "job" / "inner").mkdir(parents=True)
    (tmp_path / "job" / "inner" / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    copied = days_from_now(-99) / 1000
    os.utime(tmp_path / "b.csv", (copied, copied))
    assert files(tmp_path, 0, days_from_now(999)) == 0
    assert files(tmp_path, 30, days_from_now(29)) == 0
    assert files(tmp_path, 30, days_from_now(31)) == 2
    assert list(tmp_path.iterdir()) == []
    assert files(tmp_path / "nowhere", 30, days_from_now(31)) == 0


def test_links_and_what_they_lead_to_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file.csv").touch()
    (tmp_path / "exports" / "folder").symlink_to(tmp_path / "mine")
    (tmp_path / "exports" / "file").symlink_to(tmp_path / "mine" / "file.csv")
    assert files(tmp_path / "exports", 1, days_from_now(9)) == 0
    assert (tmp_path / "mine" / "file.csv").exists()


def test_a_file_that_cannot_be_deleted_is_named_after_the_others_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    deleting = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "b":
            raise PermissionError(13, "Permission denied")
        deleting(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(StorageUnavailable, match="b cannot be deleted: Permission denied"):
        files(tmp_path, 1, days_from_now(9))
    assert [one.name for one in tmp_path.iterdir()] == ["b"]


def test_objects_of_a_bucket_are_kept_for_so_many_days() -> None:
    objects = open_objects("memory://")
    objects.put("job/a.csv", b"a")
    assert keep_days(0, "deleted", partial(delete_objects, objects))(days_from_now(999)) == 0
    assert keep_days(30, "deleted", partial(delete_objects, objects))(days_from_now(29)) == 0
    assert list(objects.list()) == ["job/a.csv"]
    assert keep_days(30, "deleted", partial(delete_objects, objects))(days_from_now(31)) == 1
    assert list(objects.list()) == []
