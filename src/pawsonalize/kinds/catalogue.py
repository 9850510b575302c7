"""Every kind of resource, in the order in which resources are created: parents first."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pawsonalize.kinds import (
    campaigns,
    datasets,
    event_trackers,
    filters,
    jobs,
    metric_attributions,
    schemas,
    solutions,
)
from pawsonalize.kinds.kind import Kind
from pawsonalize.kinds.resource import Resource

_FILES = (
    schemas,
    datasets,
    event_trackers,
    filters,
    metric_attributions,
    solutions,
    campaigns,
    jobs,
)
KINDS: Mapping[type[Resource], Kind[Any]] = MappingProxyType(
    {kind.resource: kind for file in _FILES for kind in file.KINDS}
)
