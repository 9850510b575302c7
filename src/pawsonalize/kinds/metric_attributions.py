"""Metric attributions: sums over the events of a dataset group, as reports."""

from typing import Any, ClassVar

import msgspec

from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.kind import (
    Kind,
    Quota,
    Wire,
)
from pawsonalize.kinds.resource import Resource


class AttributedMetric(msgspec.Struct, frozen=True):
    """What is added up for the events of a type: `SAMPLECOUNT()` or `SUM(Interactions.…)`."""

    name: str
    event_type: str
    expression: str


class MetricAttribution(Resource, frozen=True, kw_only=True):
    """The metrics of a dataset group, reported below `target` if it is given.

    Reports hold what the log has up to the offset `reported`, each event once.
    """

    kind: ClassVar[str] = "metric attribution"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    metrics: tuple[AttributedMetric, ...]
    target: str | None = None
    reported: int = 0
    reported_at: int = 0


KINDS: tuple[Kind[Any], ...] = (
    Kind(
        resource=MetricAttribution,
        parent=DatasetGroup,
        quota=Quota(limit=1),
        of_group=False,
        wire=Wire(deletes="Deletes a metric attribution; its reports stay."),
    ),
)
