"""Metric attributions: their expressions, sums of the log, and reports."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress

import msgspec

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound, PawsonalizeError
from pawsonalize.core.event import Event
from pawsonalize.core.forms.csv_files import no_formula
from pawsonalize.core.limits import check_between
from pawsonalize.core.logs import get_logger
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.times import HOUR, SECOND
from pawsonalize.events.job_files import Outputs
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.filtering import number_of
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.datasets import AttributedMetric, MetricAttribution
from pawsonalize.resources.filters import number_text
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion

# Where an event's properties name the source, as the column of an interactions dataset does.
SOURCE = "EVENT_ATTRIBUTION_SOURCE"
MAX_METRICS = 10
_HEADER = ("METRIC_NAME", "EVENT_TYPE", "VALUE", "MATH_FUNCTION", SOURCE, "TIMESTAMP")
_EXPRESSION = re.compile(
    r"\s*(?:SAMPLECOUNT\s*\(|SUM\s*\(\s*(Interactions|Items)\s*\.\s*(\w+))\s*\)\s*",
    re.IGNORECASE | re.ASCII,
)
log = get_logger()


def _parse(text: str) -> tuple[DatasetType | None, str]:
    """Dataset and column whose numbers are added up; a count of events has none."""
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"the expression must be SAMPLECOUNT(), SUM(Interactions.COLUMN) or"
            f" SUM(Items.COLUMN), not {text[:100]}",
            field="expression",
        )
    return (DatasetType(match[1].capitalize()), match[2].upper()) if match[1] else (None, "")


# A sent event is attributed to the source that it names, or to the solution that recommended.
class MetricAttributions(msgspec.Struct, frozen=True):
    """The metric attributions of a registry; each is reported at most every `seconds`."""

    registry: Registry
    log: EventLog
    catalogue: Catalogue
    impressions: Impressions
    outputs: Outputs
    seconds: float

    def measured(
        self, attribution: MetricAttribution, after: int, through: int
    ) -> list[tuple[str | int, ...]]:
        """Rows on the events in `after < offset <= through`, by hour, metric and source."""
        wanted = [(one, _parse(one.expression)) for one in attribution.metrics]
        sums: defaultdict[tuple[int, int, str], float] = defaultdict(float)
        for event in self._events(attribution, after, through):
            source = self._source(event)
            if source is None:
                continue
            for place, (metric, (dataset, column)) in enumerate(wanted):
                if metric.event_type == event.event_type:
                    hour = event.sent_at // HOUR * HOUR
                    sums[hour, place, source] += self._value(event, dataset, column)
        rows: list[tuple[str | int, ...]] = []
        for (hour, place, source), value in sorted(sums.items()):
            metric, (dataset, _) = wanted[place]
            function = "SUM" if dataset else "SAMPLECOUNT"
            total = number_text(value)
            rows.append((metric.name, metric.event_type, total, function, source, hour // SECOND))
        return rows

    def _events(self, attribution: MetricAttribution, after: int, through: int) -> Iterator[Event]:
        types = {metric.event_type for metric in attribution.metrics}
        for event in (logged.event for logged in self.log.read_all(after, through)):
            if (
                event.dataset_group == attribution.dataset_group
                and event.event_type in types
                # Imported events came from no recommendation of ours.
                and not event.is_imported
            ):
                yield event

    def _source(self, event: Event) -> str | None:
        named = _properties(event).get(SOURCE)
        if isinstance(named, str):
            return named
        if event.recommendation_id is None:
            return None
        # The solution that recommended is the one of the answer that the event names.
        shown = self.impressions.of(event.dataset_group).get(event.recommendation_id)
        if shown is None:
            return None
        try:
            return self.registry.get(SolutionVersion, shown.solution_version).solution
        except NotFound:
            # The version was deleted, and its name is all that is left.
            return shown.solution_version

    def _value(self, event: Event, dataset: DatasetType | None, column: str) -> float:
        """Return the value that the event adds; 0 where it has no number in the column."""
        if dataset is None:
            return 1.0
        if dataset is DatasetType.ITEMS:
            item = self.catalogue.of(event.dataset_group).item(event.item_id)
            number = number_of(None if item is None else item.attributes.get(column))
        elif column == "EVENT_VALUE":
            number = number_of(event.event_value)
        else:
            number = number_of(_properties(event).get(column))
        return 0.0 if number != number else number  # noqa: PLR0124 - NaN is what is not itself

    def create(self, attribution: MetricAttribution, now: int) -> MetricAttribution:
        """Store one for events from now on; InvalidInput for a bad metric or place to write."""
        self._check(attribution)
        head = self.log.head()
        fresh = msgspec.structs.replace(attribution, reported=head, reported_at=now)
        return self.registry.create(fresh, now)

    def update(
        self,
        name: str,
        now: int,
        *,
        add: Sequence[AttributedMetric] = (),
        remove: Sequence[str] = (),
        **changes: object,
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
        """Write the reports that are due: what has come since the one before."""
        # A report that was written, but not recorded, is written again under the same name.
        for attribution in list(self.registry.all(MetricAttribution)):
            if attribution.target and now - attribution.reported_at >= self.seconds * SECOND:
                try:
                    self._report(attribution, attribution.target, now)
                except PawsonalizeError as error:
                    log.error("report", attribution=attribution.name, reason=error.message)

    def _report(self, attribution: MetricAttribution, target: str, now: int) -> None:
        head = self.log.head()
        if head == attribution.reported:
            return
        measured = self.measured(attribution, attribution.reported, head)
        if measured:
            # By offset and padded, so that names are in the order of time.
            name = f"{attribution.name}/metrics-{attribution.reported + 1:020d}.csv"
            text = io.StringIO(newline="")
            cells = ([no_formula(str(cell)) for cell in row] for row in measured)
            csv.writer(text).writerows([_HEADER, *cells])
            with self.outputs.at(target).file(name) as file:
                file.write(text.getvalue().encode())
        done = msgspec.structs.replace(attribution, reported=head, reported_at=now)
        with suppress(Conflict):  # another server was faster, or it was updated: next time
            self.registry.update(done, attribution.updated_at)

    def _check(self, attribution: MetricAttribution) -> None:
        check_between("metrics", len(attribution.metrics), 1, MAX_METRICS)
        names = {metric.name for metric in attribution.metrics}
        if len(names) < len(attribution.metrics):
            raise InvalidInput("two metrics have the same name", field="metrics")
        for metric in attribution.metrics:
            _parse(metric.expression)
        if attribution.target is not None:
            self.outputs.at(attribution.target)


def _properties(event: Event) -> dict[str, str | float | None]:
    found = msgspec.json.decode(event.properties) if event.properties else {}
    return {
        name.upper(): value
        for name, value in found.items()
        if isinstance(value, str | int | float | None)
    }
