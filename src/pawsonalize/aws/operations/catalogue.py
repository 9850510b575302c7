"""Every operation that is done, by its name; what is missing here is answered as not done yet."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pawsonalize.aws.operations import (
    actions,
    batch_jobs,
    campaigns,
    dataset_jobs,
    datasets,
    events,
    metric_attributions,
    recipes,
    recommenders,
    runtime,
    solution_versions,
    solutions,
    tags,
)
from pawsonalize.aws.services import AwsServices, Members

# It returns an `Answer`, None where the operation answers nothing, or is a coroutine of either.
Handler = Callable[[AwsServices, Members], Any]

_FILES = (
    actions,
    batch_jobs,
    campaigns,
    dataset_jobs,
    datasets,
    events,
    metric_attributions,
    recipes,
    recommenders,
    runtime,
    solution_versions,
    solutions,
    tags,
)

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {name: handler for file in _FILES for name, handler in file.OPERATIONS.items()}
)
