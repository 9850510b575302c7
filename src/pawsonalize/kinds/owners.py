"""To which dataset group a resource belongs, however deep below it."""

from collections.abc import Mapping
from types import MappingProxyType

from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
)
from pawsonalize.kinds.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DatasetExportJob,
)
from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.storage.resources import Resources

# What these belong to is no dataset group yet.
_OWNERS: Mapping[type[Resource], type[Resource]] = MappingProxyType(
    {
        Campaign: Solution,
        SolutionVersion: Solution,
        DatasetImportJob: Dataset,
        DatasetExportJob: Dataset,
        BatchInferenceJob: SolutionVersion,
        BatchSegmentJob: SolutionVersion,
    }
)


def dataset_group_of(rows: Resources, resource: Resource) -> str | None:
    """The dataset group; None for what belongs to none, such as a schema."""
    if isinstance(resource, DatasetGroup):
        return resource.name
    kind = type(resource)
    owner: str | None = None if kind.owner is None else getattr(resource, kind.owner)
    return owner if owner is None else _of_owner(rows, kind, owner)


def dataset_group_of_named(rows: Resources, kind: type[Resource], name: str) -> str | None:
    """The dataset group of a resource by its name; None if there is no such resource, too."""
    row = rows.get(kind.kind, name)
    if row is None or kind is DatasetGroup:
        return None if row is None else name
    return None if row.parent is None else _of_owner(rows, kind, row.parent)


def _of_owner(rows: Resources, kind: type[Resource], owner: str) -> str | None:
    while (above := _OWNERS.get(kind)) is not None:
        row = rows.get(above.kind, owner)
        if row is None or row.parent is None:
            return None
        kind, owner = above, row.parent
    return owner
