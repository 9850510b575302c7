"""Parts of a dataset group: event trackers, filters and metric attributions."""

from typing import ClassVar

import msgspec

from pawsonalize.resources.datasets import PANEL, DatasetGroup
from pawsonalize.resources.kind import Commands, Kind, Native, Param, Quota, Wire
from pawsonalize.resources.resource import Resource, new_tracking_id


class AttributedMetric(msgspec.Struct, frozen=True):
    """A sum over the events of a type: `SAMPLECOUNT()` or `SUM(Interactions.…)`."""

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


METRIC_ATTRIBUTION_KIND = Kind(
    resource=MetricAttribution,
    parent=DatasetGroup,
    quota=Quota(limit=1),
    of_group=False,
    create=lambda parts, values, now: parts.attributions.create(MetricAttribution(**values), now),
    wire=Wire(
        creates="Adds up events by source or recommending solution; reports as CSV every hour, if"
        " asked to.",
        deletes="Deletes a metric attribution; its reports stay.",
    ),
)


class EventTracker(Resource, frozen=True, kw_only=True):
    """Permission to send events into a dataset group, by its tracking id."""

    kind: ClassVar[str] = "event tracker"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    tracking_id: str


EVENT_TRACKER_KIND = Kind(
    resource=EventTracker,
    parent=DatasetGroup,
    quota=Quota(limit=1),
    create=lambda parts, values, now: parts.registry.create(
        EventTracker(**values, tracking_id=new_tracking_id()), now
    ),
    native=Native(
        list="Who may send events over the Personalize API, newest first.",
        create="Create the event tracker of a dataset group.",
        delete="Delete an event tracker; its events stay.",
        request=("name", "dataset_group", "tags"),
        answer=("dataset_group", "tracking_id"),
        docs={
            "request": "An event tracker to create; a dataset group has one.",
            "answer": "Permission to send events into a dataset group over the Personalize API.",
        },
        examples={"of a second shelter": {"name": "shelter-b", "datasetGroup": "shelter-b"}},
    ),
    wire=Wire(
        creates="Creates the event tracker of a dataset group, which has one, with a new"
        " tracking id.",
        shown={"trackingId": lambda one: one.tracking_id},
    ),
    commands=Commands(
        panel=PANEL,
        about="Event trackers: ids to send events with.",
        columns=("name", "dataset_group", "tracking_id", "status"),
        show=("Show a event tracker.", "shelter-b"),
        create=(
            "Create the event tracker of a dataset group, which has one, and print its tracking"
            " id.",
            "shelter-b --dataset-group shelter-b",
        ),
        params=("name", "dataset_group"),
        delete=(
            "Delete an event tracker: its tracking id takes no more events, those there are stay.",
            "shelter-b",
        ),
    ),
)


class Filter(Resource, frozen=True, kw_only=True):
    """An expression that says which items an answer may hold."""

    kind: ClassVar[str] = "filter"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    expression: str


FILTER_KIND = Kind(
    resource=Filter,
    parent=DatasetGroup,
    quota=Quota(limit=10),
    create=lambda parts, values, now: parts.filters.create(now=now, **values),
    native=Native(
        tag="Filters",
        list="Which items answers may hold, by name, newest first.",
        create="Create a filter from an expression.",
        delete="Delete a filter.",
        request=("name", "expression", "dataset_group"),
        answer=("dataset_group", "expression"),
        docs={
            "request": "A filter to create: its name, and what it says in Amazon Personalize's"
            " filter language.",
            "answer": "An expression that says which items an answer may hold.",
        },
        examples={
            "no cats": {
                "name": "no-cats",
                "expression": 'EXCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("1")',
            }
        },
        by_address=True,
    ),
    wire=Wire(
        creates="Creates a filter in Amazon's language; it is ACTIVE at once.",
        deletes="Deletes a filter; requests that name it from then on are refused.",
        members={"filterExpression": "expression"},
        plural="Filters",
    ),
    commands=Commands(
        panel=PANEL,
        about="Filters: which items an answer may hold.",
        columns=("name", "dataset_group", "status", "expression"),
        show=("Show a filter.", "dogs-only"),
        create=(
            "Create a filter; running servers know it at once.",
            "dogs-only 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN (\"2\")'",
        ),
        params=(
            "name",
            Param("expression", "What passes: see docs/reference/filters.md.", is_argument=True),
            "dataset_group",
        ),
        delete=(
            "Delete a filter; who names it from now on is told that there is none.",
            "dogs-only",
        ),
    ),
)
