"""Kinds of jobs: batch jobs, exports and deletions."""

from enum import StrEnum
from typing import ClassVar

from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.status import Status


class IngestionMode(StrEnum):
    """Which events an export holds: imported ones, those that were sent, or all."""

    BULK = "BULK"
    PUT = "PUT"
    ALL = "ALL"


class DatasetExportJob(Resource, frozen=True, kw_only=True):
    """One export of a dataset to CSV below `target`."""

    kind: ClassVar[str] = "dataset export job"
    owner: ClassVar[str | None] = "dataset"

    status: Status = Status.CREATE_PENDING
    dataset: str
    target: str
    mode: IngestionMode = IngestionMode.PUT
    rows: int = 0


class DataDeletionJob(Resource, frozen=True, kw_only=True):
    """The erasure of users: those that the files at `source` name.

    `deleted` counts rows of the tables. Jobs of old may have `user_ids`, which are emptied when
    they are noted for erasure.
    """

    kind: ClassVar[str] = "data deletion job"
    owner: ClassVar[str | None] = "dataset_group"

    status: Status = Status.CREATE_PENDING
    dataset_group: str
    source: str | None = None
    user_ids: tuple[str, ...] = ()
    deleted: int = 0


class BatchJob(Resource, frozen=True, kw_only=True):
    """A solution version's answers to every line of the files at `source`."""

    owner: ClassVar[str | None] = "solution_version"

    status: Status = Status.CREATE_PENDING
    solution_version: str
    source: str
    target: str
    results: int | None = None
    filter: str | None = None
    answered: int = 0
    rejected: int = 0


class BatchInferenceJob(BatchJob, frozen=True, kw_only=True):
    """Recommendations or rankings for every line."""

    kind: ClassVar[str] = "batch inference job"

    exploration_weight: float | None = None
    exploration_item_age_cut_off: int | None = None
    popularity_influence: float | None = None
    freshness_influence: float | None = None


class BatchSegmentJob(BatchJob, frozen=True, kw_only=True):
    """The users who like the items of each line best."""

    kind: ClassVar[str] = "batch segment job"
