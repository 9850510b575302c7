"""Every kind of resource, in the order in which resources are created: parents first."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pawsonalize.kinds import campaigns, datasets, jobs, schemas, solutions
from pawsonalize.kinds.kind import Kind
from pawsonalize.kinds.resource import Resource

KINDS: Mapping[type[Resource], Kind[Any]] = MappingProxyType(
    {
        kind.resource: kind
        for file in (schemas, datasets, solutions, campaigns, jobs)
        for kind in file.KINDS
    }
)
