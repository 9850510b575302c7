"""Kinds of jobs: batch jobs, exports and deletions."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar

from msgspec import Meta

from pawsonalize.resources.campaigns import Days, Share
from pawsonalize.resources.datasets import Dataset, DatasetGroup, Filter
from pawsonalize.resources.kind import (
    AnyKind,
    Block,
    Field,
    Kind,
    Native,
    Quota,
    Resource,
    Status,
    Wire,
    in_work,
)
from pawsonalize.resources.solutions import SolutionVersion


class IngestionMode(StrEnum):
    """The events that an export holds: imported ones, those that were sent, or all."""

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

    exploration_weight: Share | None = None
    exploration_item_age_cut_off: Days | None = None
    popularity_influence: Share | None = None
    freshness_influence: Share | None = None


class BatchSegmentJob(BatchJob, frozen=True, kw_only=True):
    """The users who like the items of each line best."""

    kind: ClassVar[str] = "batch segment job"


_DELETION_STATUS: Mapping[Status, str] = MappingProxyType(
    {
        Status.CREATE_PENDING: "PENDING",
        Status.CREATE_IN_PROGRESS: "IN_PROGRESS",
        Status.ACTIVE: "COMPLETED",
        Status.CREATE_FAILED: "FAILED",
    }
)
"""Amazon Personalize's words for the states of a deletion."""
_IN_WORK = Quota(limit=5, of_parent=False, of_group=True, in_work=True)
_LOCATION = Annotated[str, Meta(description="A `file://` or `s3://` location.")]
_FILES = "file:///srv/pawsonalize"
_SEGMENTS: Mapping[str, object] = {
    "name": "who-likes-saint-bernards",
    "solutionVersion": "cats-20260517T093000000Z-1f2e3d",
    "input": f"{_FILES}/imports/groups.jsonl",
    "output": f"{_FILES}/exports/",
    "results": 1000,
}
_MAILING: Mapping[str, object] = {
    **_SEGMENTS,
    "name": "mailing",
    "input": f"{_FILES}/imports/users.jsonl",
    "results": 12,
    "explorationWeight": 0.1,
}


def _batch(
    resource: type[BatchJob],
    name: str,
    texts: tuple[str, str],
    doc: str,
    examples: Mapping[str, object],
    settings: tuple[str, ...],
    wire: Wire,
) -> AnyKind:
    """Return a kind of batch job; `texts` are the summaries of its list and of a creation."""
    return Kind(
        resource=resource,
        parent=SolutionVersion,
        refers={"filter": Filter},
        quota=_IN_WORK,
        is_job=True,
        of_group=False,
        native=Native(
            list=texts[0],
            create=texts[1],
            delete="Forget a job that is done; its files stay.",
            request=(
                *("name", "solution_version"),
                Field("input", _LOCATION, of="source"),
                Field("output", _LOCATION, of="target"),
                *("results", "filter", *settings, "tags"),
            ),
            answer=(
                "solution_version",
                Field("input", str, of="source"),
                Field("output", str, of="target"),
                *("results", "filter", "answered", "rejected"),
            ),
            docs={
                "request": doc,
                "answer": "A batch job: `answered` and `rejected` count lines.",
                "list": f"{resource.kind.capitalize()}s, newest first, in pages as well.",
            },
            types={"request": f"{name}Request", "answer": "BatchJobAnswer", "list": f"{name}s"},
            examples=examples,
            status=202,
            noun="batch job",
        ),
        wire=wire,
    )


_BATCH_MEMBERS = {
    "jobInput.s3DataSource.path": "source",
    "jobOutput.s3DataDestination.path": "target",
    "numResults": "results",
}
_BATCH_STORED = ("solutionVersionArn", "jobInput", "jobOutput", "roleArn")
JOB_KINDS: tuple[AnyKind, ...] = (
    Kind(
        resource=DatasetExportJob,
        parent=Dataset,
        quota=_IN_WORK,
        is_job=True,
        of_group=False,
        wire=Wire(
            creates="Writes a dataset as CSV that an import reads; of Items and Users, ALL alone"
            " can be told.",
            members={"jobOutput.s3DataDestination.path": "target", "ingestionMode": "mode"},
            stored=("jobOutput", "roleArn"),
        ),
    ),
    Kind(
        resource=DataDeletionJob,
        parent=DatasetGroup,
        blocks=(Block(Dataset, in_work, lambda dataset: str(dataset.dataset_group)),),
        is_job=True,
        of_group=False,
        wire=Wire(
            creates="Erases users as `DELETE /v1/users` does: IN_PROGRESS until nothing of them is"
            " left.",
            members={"dataSource.dataLocation": "source"},
            stored=("roleArn",),
            shown={
                "status": lambda job: _DELETION_STATUS[job.status],
                "numDeleted": lambda job: job.deleted,
            },
        ),
    ),
    _batch(
        BatchInferenceJob,
        "InferenceJob",
        (
            "Questions asked by files, newest first.",
            "Answer every line of files in the background.",
        ),
        "The same, with how answers explore; `results` is how many items a line gets.",
        {"for a mailing": _MAILING},
        (
            *("exploration_weight", "exploration_item_age_cut_off"),
            *("popularity_influence", "freshness_influence"),
        ),
        Wire(
            creates="Answers each line of JSON Lines files in `{file}.out`; themes are refused.",
            members=_BATCH_MEMBERS,
            stored=(*_BATCH_STORED, "batchInferenceJobConfig"),
            shown={
                "batchInferenceJobMode": lambda _job: "BATCH_INFERENCE",
                "batchInferenceJobConfig": lambda job: job.extras.get(
                    "batchInferenceJobConfig", {}
                ),
            },
        ),
    ),
    _batch(
        BatchSegmentJob,
        "SegmentJob",
        (
            "Users found by files, newest first.",
            "Find the users who like the items of every line best.",
        ),
        "A version to ask about every line of the JSON Lines files at `input`.\n\nAnswers are"
        " written to `{file}.out` below `output`. `results` is how many users a line gets.",
        {"a thousand users": _SEGMENTS},
        (),
        Wire(
            creates="Writes the users who like each line's item, or items of an attribute, best:"
            " `{file}.out`.",
            members=_BATCH_MEMBERS,
            stored=_BATCH_STORED,
        ),
    ),
)
