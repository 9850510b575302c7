"""Every operation that is done, by its name; what is missing here is answered as not done yet."""

from collections.abc import Mapping
from types import MappingProxyType

from pawsonalize.aws.operations import (
    actions,
    campaigns,
    datasets,
    events,
    jobs,
    metric_attributions,
    recipes,
    recommenders,
    runtime,
    solution_versions,
    solutions,
    tags,
)
from pawsonalize.aws.operations.resources import Handler, operations_of
from pawsonalize.kinds.catalogue import KINDS

_FILES = (
    actions,
    campaigns,
    datasets,
    events,
    jobs,
    metric_attributions,
    recipes,
    recommenders,
    runtime,
    solution_versions,
    solutions,
    tags,
)

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **{
            name: handler
            for kind in KINDS.values()
            for name, handler in operations_of(kind).items()
        },
        **{name: handler for file in _FILES for name, handler in file.OPERATIONS.items()},
    }
)
