"""Jobs of several dataset groups are done in turns, and each group may have its own in work."""

from functools import partial
from pathlib import Path

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import LimitExceeded
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.tables import Turns, WorkTable
from pawsonalize.resources.datasets import (
    IMPORTS_IN_WORK,
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
)
from pawsonalize.resources.job_table import JobKind, JobTable
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from pawsonalize.train.solutions import DatasetGroups
from tests.event_data import T0


@pytest.fixture
def registry(database: Database) -> Registry:
    registry = Registry(Resources(database))
    schema = DatasetSchema(name="items", dataset_type=DatasetType.ITEMS, avro="{}")
    registry.create(schema, T0)
    for name in ("greedy", "modest", "quiet"):
        DatasetGroups(registry).create(name, T0)
        dataset = Dataset(
            name=name, dataset_group=name, dataset_type=DatasetType.ITEMS, schema="items"
        )
        registry.create(dataset, T0)
    return registry


def job(dataset: str, number: int) -> DatasetImportJob:
    return DatasetImportJob(
        name=f"{dataset}-{number}", dataset=dataset, source="", status=Status.CREATE_PENDING
    )


def test_no_dataset_group_waits_for_two_jobs_of_another(
    database: Database, registry: Registry, tmp_path: Path
) -> None:
    done: list[str] = []

    def perform(one: DatasetImportJob) -> dict[str, object]:
        done.append(one.name)
        return {}

    kind = JobKind(DatasetImportJob, lambda _: None, perform)
    machines = [Leases(WorkTable(database), tmp_path / "leases") for _ in range(2)]
    servers = [
        JobTable(registry, (kind,), leases, lambda: T0, partial(Turns, database))
        for leases in machines
    ]
    for number in range(5):
        registry.create(job("greedy", number), T0 + number)
    for number in range(2):
        registry.create(job("modest", number), T0 + 10 + number)
    turn = 0
    while servers[turn % 2].work(kind):
        turn += 1
        if turn == 3:
            registry.create(job("quiet", 0), T0 + 20)
    assert done[:5] == ["greedy-0", "modest-0", "greedy-1", "quiet-0", "modest-1"]
    assert done[5:] == ["greedy-2", "greedy-3", "greedy-4"]
    for leases in machines:
        leases.close()


def test_jobs_in_work_of_one_dataset_group_keep_no_other_from_asking(registry: Registry) -> None:
    for number in range(IMPORTS_IN_WORK):
        registry.create(job("greedy", number), T0)
    with pytest.raises(LimitExceeded, match="of the dataset group are in work already"):
        registry.create(job("greedy", 99), T0)
    registry.create(job("modest", 0), T0)


def test_a_setting_says_how_many_dataset_groups_there_may_be(database: Database) -> None:
    registry = Registry(Resources(database), 7)
    for number in range(7):
        registry.create(DatasetGroup(name=f"g{number}"), T0)
    with pytest.raises(LimitExceeded, match=r"7 dataset groups.*max_dataset_groups"):
        registry.create(DatasetGroup(name="one-more"), T0)
