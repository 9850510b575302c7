"""Event trackers."""

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import DatasetGroup, EventTracker


def create_event_tracker(services: Services, asked: Asked) -> Answer:
    """Creates the event tracker of a dataset group, which has one, with a new tracking id."""
    group = services.resource(DatasetGroup, asked["datasetGroupArn"])
    created = services.datasets.create_tracker(
        asked["name"], group.name, services.now(), given_tags(asked)
    )
    return {"eventTrackerArn": services.arns.of(created), "trackingId": created.tracking_id}


def describe_event_tracker(services: Services, asked: Asked) -> Answer:
    """Answers an event tracker with its tracking id."""
    tracker = services.resource(EventTracker, asked["eventTrackerArn"])
    return {"eventTracker": _described(services, tracker)}


def list_event_trackers(services: Services, asked: Asked) -> Answer:
    """Lists the event trackers, of all dataset groups or of one."""
    found, token = page(services, asked, EventTracker, (DatasetGroup, "datasetGroupArn"))
    return {"eventTrackers": [_described(services, one) for one in found], "nextToken": token}


def delete_event_tracker(services: Services, asked: Asked) -> None:
    """Deletes an event tracker; its tracking id takes no more events, those there are stay."""
    tracker = services.resource(EventTracker, asked["eventTrackerArn"])
    services.registry.delete(EventTracker, tracker.name)
    services.trackers.forget(tracker.tracking_id)


def _described(services: Services, tracker: EventTracker) -> Answer:
    return services.summary(tracker) | {
        "eventTrackerArn": services.arns.of(tracker),
        "accountId": services.arns.account,
        "trackingId": tracker.tracking_id,
        "datasetGroupArn": services.arns.named(DatasetGroup, tracker.dataset_group),
    }


OPERATIONS = {
    "CreateEventTracker": create_event_tracker,
    "DescribeEventTracker": describe_event_tracker,
    "ListEventTrackers": list_event_trackers,
    "DeleteEventTracker": delete_event_tracker,
}
