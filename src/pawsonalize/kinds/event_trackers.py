"""Event trackers: ids to send events into a dataset group with."""

from typing import Any, ClassVar

from pawsonalize.kinds.datasets import PANEL, DatasetGroup
from pawsonalize.kinds.kind import (
    Commands,
    Kind,
    Native,
    Quota,
    Values,
    Wire,
)
from pawsonalize.kinds.names import new_tracking_id
from pawsonalize.kinds.resource import Resource


class EventTracker(Resource, frozen=True, kw_only=True):
    """Permission to send events into a dataset group, by its tracking id."""

    kind: ClassVar[str] = "event tracker"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    tracking_id: str


def _create_tracker(parts: Any, values: Values, now: int) -> EventTracker:
    tracker = EventTracker(**values, tracking_id=new_tracking_id())
    created: EventTracker = parts.registry.create(tracker, now)
    return created


KINDS: tuple[Kind[Any], ...] = (
    Kind(
        resource=EventTracker,
        parent=DatasetGroup,
        quota=Quota(limit=1),
        create=_create_tracker,
        native=Native(
            list="Who may send events over the Personalize API, newest first.",
            create="Create the event tracker of a dataset group.",
            delete="Delete an event tracker; its events stay.",
            request=("name", "dataset_group", "tags"),
            answer=("dataset_group", "tracking_id"),
            docs={
                "request": "An event tracker to create; a dataset group has one.",
                "answer": "Permission to send events into a dataset group over the Personalize"
                " API.",
            },
            examples={
                "of a second shelter": {"name": "shelter-b", "datasetGroup": "shelter-b"},
            },
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
                "Delete an event tracker: its tracking id takes no more events, those there are"
                " stay.",
                "shelter-b",
            ),
        ),
    ),
)
