"""Metric attributions as resources, and their reports."""

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from pawsonalize.domain.errors import Conflict, InvalidInput, PawsonalizeError
from pawsonalize.domain.filters.expression import number_text
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.ingest.outputs import Outputs
from pawsonalize.engine.reporting.attribution.expressions import parse_expression
from pawsonalize.engine.reporting.attribution.measuring import Measured, Measuring
from pawsonalize.engine.resources.attribution import AttributedMetric, MetricAttribution
from pawsonalize.engine.resources.registry import Registry

MAX_METRICS = 10
_HEADER = (
    "METRIC_NAME",
    "EVENT_TYPE",
    "VALUE",
    "MATH_FUNCTION",
    "EVENT_ATTRIBUTION_SOURCE",
    "TIMESTAMP",
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MetricAttributions:
    """The metric attributions of a registry; each is reported at most every `seconds`."""

    registry: Registry
    measuring: Measuring
    outputs: Outputs
    seconds: float

    def create(self, attribution: MetricAttribution, now: int) -> MetricAttribution:
        """Store one, which counts the events that come from now on.

        InvalidInput for a metric that cannot be measured, or a place where nobody may write.
        """
        self._check(attribution)
        head = self.measuring.log.head()
        fresh = msgspec.structs.replace(attribution, reported=head, reported_at=now)
        return self.registry.create(fresh, now)

    def update(
        self,
        name: str,
        now: int,
        *,
        add: Sequence[AttributedMetric] = (),
        remove: Sequence[str] = (),
        **changes: Any,
    ) -> MetricAttribution:
        """Add and remove metrics, or report elsewhere; InvalidInput as `create` says it."""

        def change(attribution: MetricAttribution) -> MetricAttribution:
            unknown = set(remove) - {metric.name for metric in attribution.metrics}
            if unknown:
                raise InvalidInput(f"{name} has no metric {min(unknown)}", field="removeMetrics")
            kept = [metric for metric in attribution.metrics if metric.name not in remove]
            changed = msgspec.structs.replace(attribution, metrics=(*kept, *add), **changes)
            self._check(changed)
            return changed

        return self.registry.change(MetricAttribution, name, change, now)

    def report_due(self, now: int) -> None:
        """Write the reports that are due: what has come since the one before.

        A report that was written, but not recorded, is written again under the same name.
        """
        for attribution in list(self.registry.all(MetricAttribution)):
            if attribution.target and now - attribution.reported_at >= self.seconds * SECOND:
                try:
                    self._report(attribution, attribution.target, now)
                except PawsonalizeError as error:
                    log.error("report", attribution=attribution.name, reason=error.message)

    def _report(self, attribution: MetricAttribution, target: str, now: int) -> None:
        head = self.measuring.log.head()
        if head == attribution.reported:
            return
        measured = self.measuring.measured(attribution, attribution.reported, head)
        if measured:
            name = f"{attribution.name}/metrics-{attribution.reported + 1:020d}.csv"
            with self.outputs.at(target).file(name) as file:
                file.write(_csv(measured))
        done = msgspec.structs.replace(attribution, reported=head, reported_at=now)
        with suppress(Conflict):  # another server was faster, or it was updated: next time
            self.registry.update(done, attribution.updated_at)

    def _check(self, attribution: MetricAttribution) -> None:
        if not 1 <= len(attribution.metrics) <= MAX_METRICS:
            raise InvalidInput(f"there may be 1 to {MAX_METRICS} metrics", field="metrics")
        names = {metric.name for metric in attribution.metrics}
        if len(names) < len(attribution.metrics):
            raise InvalidInput("two metrics have the same name", field="metrics")
        for metric in attribution.metrics:
            parse_expression(metric.expression)
        if attribution.target is not None:
            self.outputs.at(attribution.target)


def _csv(measured: Sequence[Measured]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADER)
    for one in measured:
        writer.writerow(
            (
                one.metric.name,
                one.metric.event_type,
                number_text(one.value),
                one.function,
                one.source,
                one.hour // SECOND,
            )
        )
    return text.getvalue().encode()
