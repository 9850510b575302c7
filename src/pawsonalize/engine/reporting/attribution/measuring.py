"""Metrics of a part of the log: one sum for each hour, metric and source."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.events import Event
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.domain.times import HOUR
from pawsonalize.engine.ingest.importing.interactions import IMPORTED
from pawsonalize.engine.reporting.attribution.expressions import (
    Expression,
    Function,
    parse_expression,
)
from pawsonalize.engine.resources.attribution import AttributedMetric, MetricAttribution
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.serving.filters.columns import number_of
from pawsonalize.storage.base import Catalogue, EventLog
from pawsonalize.storage.impressions import Impressions

# Where an event's properties name the source, as the column of an interactions dataset does.
SOURCE = "EVENT_ATTRIBUTION_SOURCE"
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value of the events of one hour and source; `hour` is its first millisecond."""

    metric: AttributedMetric
    function: Function
    source: str
    hour: int
    value: float


@dataclass(frozen=True, slots=True)
class Measuring:
    """Attributes events that were sent: to the source they name, or to what recommended them.

    That is the solution whose version gave the answer of the event's recommendation id. What names
    neither is nobody's, and in no metric; imported events are in none.
    """

    registry: Registry
    log: EventLog
    catalogue: Catalogue
    impressions: Impressions

    def measured(self, attribution: MetricAttribution, after: int, through: int) -> list[Measured]:
        """The metrics of the events with `after < offset <= through`, by hour, name and source."""
        wanted = [(one, parse_expression(one.expression)) for one in attribution.metrics]
        sums: defaultdict[tuple[int, int, str], float] = defaultdict(float)
        for event in self._events(attribution, after, through):
            source = self._source(event)
            if source is None:
                continue
            for place, (metric, expression) in enumerate(wanted):
                if metric.event_type == event.event_type:
                    hour = event.sent_at // HOUR * HOUR
                    sums[hour, place, source] += self._value(event, expression)
        return [
            Measured(wanted[place][0], wanted[place][1].function, source, hour, value)
            for (hour, place, source), value in sorted(sums.items())
        ]

    def _events(self, attribution: MetricAttribution, after: int, through: int) -> Iterator[Event]:
        types = {metric.event_type for metric in attribution.metrics}
        while page := self.log.read(after, through, _PAGE):
            for logged in page:
                event = logged.event
                if (
                    event.dataset_group == attribution.dataset_group
                    and event.event_type in types
                    and not event.event_id.startswith(IMPORTED)
                ):
                    yield event
            after = page[-1].offset

    def _source(self, event: Event) -> str | None:
        named = _properties(event).get(SOURCE)
        if isinstance(named, str):
            return named
        if event.recommendation_id is None:
            return None
        shown = self.impressions.of(event.dataset_group).get(event.recommendation_id)
        if shown is None:
            return None
        try:
            return self.registry.get(SolutionVersion, shown.solution_version).solution
        except NotFound:
            return shown.solution_version

    def _value(self, event: Event, expression: Expression) -> float:
        """What the event adds; nothing where it has no number in the column."""
        if expression.function is Function.COUNT:
            return 1.0
        if expression.dataset is DatasetType.ITEMS:
            item = self.catalogue.of(event.dataset_group).item(event.item_id)
            number = number_of(None if item is None else item.attributes.get(expression.column))
        elif expression.column == "EVENT_VALUE":
            number = number_of(event.event_value)
        else:
            number = number_of(_properties(event).get(expression.column))
        return 0.0 if number != number else number  # noqa: PLR0124 - NaN is what is not itself


def _properties(event: Event) -> dict[str, str | float | None]:
    """The event's properties that are plain values, by upper-case name."""
    found = msgspec.json.decode(event.properties) if event.properties else {}
    return {
        name.upper(): value
        for name, value in found.items()
        if isinstance(value, str | int | float | None)
    }
