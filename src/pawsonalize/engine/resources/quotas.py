"""How many resources there may be: Amazon Personalize's default quotas.

They are checked before a resource is created. So creations at the same moment may exceed a quota by
a few.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pawsonalize.domain.errors import LimitExceeded
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    DatasetSchema,
    EventTracker,
    Filter,
)
from pawsonalize.engine.resources.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DatasetExportJob,
)
from pawsonalize.engine.resources.metric_attributions import MetricAttribution
from pawsonalize.engine.resources.resource import Resource, from_row
from pawsonalize.engine.resources.solutions import Solution, SolutionVersion
from pawsonalize.storage.resources import Resources

DATASET_GROUPS: Final = 5
SCHEMAS: Final = 500
DATASETS_OF_A_TYPE: Final = 1
EVENT_TRACKERS_OF_A_GROUP: Final = 1
METRIC_ATTRIBUTIONS_OF_A_GROUP: Final = 1
FILTERS_OF_A_GROUP: Final = 10
SOLUTIONS_OF_A_GROUP: Final = 10
CAMPAIGNS_OF_A_GROUP: Final = 5
IMPORT_JOBS_IN_WORK: Final = 5
TRAININGS_IN_WORK: Final = 20
JOBS_OF_A_KIND_IN_WORK: Final = 5

_Counts = Callable[[Resources, Any, Any], bool]


@dataclass(frozen=True, slots=True)
class _Quota:
    """At most so many resources for which `counts` holds; only a few more are ever read."""

    limit: int
    of_whom: str
    counts: _Counts
    within_owner: bool = True


def check_quota(rows: Resources, resource: Resource) -> None:
    """LimitExceeded if there are as many as there may be."""
    quota = _QUOTAS.get(type(resource))
    if quota is None:
        return
    parent = getattr(resource, resource.owner) if resource.owner and quota.within_owner else None
    found = (
        from_row(row, type(resource)) for row in rows.list(resource.kind, _MANY, parent=parent)
    )
    if sum(quota.counts(rows, one, resource) for one in found) >= quota.limit:
        raise LimitExceeded(
            f"there may be {quota.limit} {resource.kind}s {quota.of_whom}: delete one first"
            if quota.counts is not _in_work
            else f"{quota.limit} {resource.kind}s are in work already: wait until one is ready"
        )


_MANY = 1_000


def _each(_rows: Resources, _one: Resource, _new: Resource) -> bool:
    return True


def _in_work(_rows: Resources, one: Resource, _new: Resource) -> bool:
    return not one.status.is_settled


def _of_its_type(_rows: Resources, one: Dataset, new: Dataset) -> bool:
    return one.dataset_type is new.dataset_type


def _of_its_group(rows: Resources, one: Campaign, new: Campaign) -> bool:
    groups = {
        row.parent
        for name in {one.solution, new.solution}
        if (row := rows.get(Solution.kind, name)) is not None
    }
    return len(groups) == 1


_A_GROUP = "in a dataset group"
_QUOTAS: Mapping[type[Resource], _Quota] = MappingProxyType(
    {
        DatasetGroup: _Quota(DATASET_GROUPS, "", _each),
        DatasetSchema: _Quota(SCHEMAS, "", _each),
        Dataset: _Quota(DATASETS_OF_A_TYPE, "of a type in a dataset group", _of_its_type),
        EventTracker: _Quota(EVENT_TRACKERS_OF_A_GROUP, _A_GROUP, _each),
        MetricAttribution: _Quota(METRIC_ATTRIBUTIONS_OF_A_GROUP, _A_GROUP, _each),
        Filter: _Quota(FILTERS_OF_A_GROUP, _A_GROUP, _each),
        Solution: _Quota(SOLUTIONS_OF_A_GROUP, _A_GROUP, _each),
        Campaign: _Quota(CAMPAIGNS_OF_A_GROUP, _A_GROUP, _of_its_group, within_owner=False),
        DatasetImportJob: _Quota(IMPORT_JOBS_IN_WORK, "", _in_work, within_owner=False),
        **{
            kind: _Quota(JOBS_OF_A_KIND_IN_WORK, "", _in_work, within_owner=False)
            for kind in (DatasetExportJob, BatchInferenceJob, BatchSegmentJob)
        },
        SolutionVersion: _Quota(TRAININGS_IN_WORK, "", _in_work, within_owner=False),
    }
)
