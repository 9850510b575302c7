"""Every kind of resource. Without storage, as the help of commands reads it and must be quick."""

from collections.abc import Mapping
from types import MappingProxyType

from pawsonalize.resources.campaigns import CAMPAIGN_KIND, RECOMMENDER_KIND
from pawsonalize.resources.datasets import (
    DATASET_GROUP_KIND,
    DATASET_KIND,
    EVENT_TRACKER_KIND,
    FILTER_KIND,
    IMPORT_KIND,
    METRIC_ATTRIBUTION_KIND,
    SCHEMA_KIND,
)
from pawsonalize.resources.jobs import JOB_KINDS
from pawsonalize.resources.kind import AnyKind, Resource
from pawsonalize.resources.solutions import SOLUTION_KIND, VERSION_KIND

_KINDS: tuple[AnyKind, ...] = (
    *(SCHEMA_KIND, DATASET_GROUP_KIND, DATASET_KIND, IMPORT_KIND),
    *(EVENT_TRACKER_KIND, FILTER_KIND, METRIC_ATTRIBUTION_KIND),
    *(SOLUTION_KIND, VERSION_KIND, CAMPAIGN_KIND, RECOMMENDER_KIND),
    *JOB_KINDS,
)
# Every kind of resource, in the order in which resources are created: parents first.
KINDS: Mapping[type[Resource], AnyKind] = MappingProxyType({one.resource: one for one in _KINDS})
