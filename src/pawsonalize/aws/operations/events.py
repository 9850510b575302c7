"""Event trackers, and the events, items and users that are put."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.protocol.parsing import Structure
from pawsonalize.aws.services import AwsServices, Members
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Event
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.engine.ingest.datasets import DatasetRow
from pawsonalize.engine.ingest.decoder import encode_text, read_json
from pawsonalize.engine.ingest.event_form import read_interaction, read_raw
from pawsonalize.engine.ingest.events import Rejection
from pawsonalize.engine.reporting.metric_attributions import SOURCE
from pawsonalize.kinds.datasets import Dataset
from pawsonalize.kinds.group_resources import EventTracker

_ANIMAL = "animal_id"


def delete_event_tracker(services: AwsServices, members: Members) -> None:
    """Deletes an event tracker; its tracking id takes no more events, those there are stay."""
    tracker = services.resource(EventTracker, members["eventTrackerArn"])
    services.registry.delete(EventTracker, tracker.name)
    services.trackers.forget(tracker.tracking_id)


async def put_events(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 events, all or none; the next answer knows them.

    An `itemId` may be an animal's of the inventory: then the event is on its group. Beside a group,
    the property `animal_id` names the animal.
    """
    events = await services.read(_events, services, members)
    await services.ingest.put(events)


def put_items(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 items, each with the properties that the dataset's schema has."""
    dataset = dataset_of(services, members, DatasetType.ITEMS)
    records = [
        DatasetRow(item["itemId"], properties_of(item, f"items.{place}.member"))
        for place, item in enumerate(members["items"], 1)
    ]
    check_records(services.datasets.put_items(dataset, records), "items")


def put_users(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 users, each with the properties that the dataset's schema has."""
    dataset = dataset_of(services, members, DatasetType.USERS)
    records = [
        DatasetRow(user["userId"], properties_of(user, f"users.{place}.member"))
        for place, user in enumerate(members["users"], 1)
    ]
    check_records(services.datasets.put_users(dataset, records), "users")


def _events(services: AwsServices, members: Members) -> list[Event]:
    group = services.trackers.find(members["trackingId"]).dataset_group
    return services.animal_names.resolve(events_of(members, group, services.now()))


def events_of(members: Members, group: str, now: int) -> list[Event]:
    """The events of a PutEvents call that came in now; animals are not looked up yet."""
    return [
        _event(members, group, event, f"eventList.{place}.member", now)
        for place, event in enumerate(members["eventList"], 1)
    ]


def _event(members: Members, group: str, given: Mapping[str, Any], path: str, now: int) -> Event:
    properties = properties_of(given, path)
    if "metricAttribution" in given:
        properties[SOURCE] = given["metricAttribution"]["eventAttributionSource"]
    try:
        event = read_interaction(
            group,
            now,
            user_id=members.get("userId"),
            session_id=members["sessionId"],
            event_type=given["eventType"],
            item_id=given.get("itemId", properties.get("itemId")),  # where it was at first
            sent_at=given["sentAt"],
            event_id=given.get("eventId"),
            event_value=_value(given, properties),
            recommendation_id=given.get("recommendationId"),
            impression=given.get("impression"),
            properties=properties or None,
            animal_id=_animal(properties),
        )
    except InvalidInput as error:
        raise AwsError(INVALID_INPUT, f"{path}: {error.message}") from error
    return replace(event, raw=raw_of(members, "eventList", given))


def raw_of(members: Members, name: str, one: Mapping[str, Any]) -> str | None:
    """The call as it came in, with but one of those in its list; None if that is too long."""
    if not (isinstance(members, Structure) and isinstance(one, Structure)):
        return None
    try:
        return read_raw(encode_text({**members.sent, name: [one.sent]}, name).encode())
    except InvalidInput:  # nested too deeply, in what we do not know
        return None


def _animal(properties: Mapping[str, Any]) -> str | None:
    """The animal that the event is about, which PutEvents has no member for."""
    try:
        return parse_id(properties.get(_ANIMAL), _ANIMAL)
    except InvalidInput:  # properties may say what they like
        return None


def _value(given: Mapping[str, Any], properties: Mapping[str, Any]) -> float | None:
    value = given.get("eventValue", properties.get("eventValue"))
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise InvalidInput("eventValue must be a number")


def properties_of(given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The JSON object in the text of the member `properties`."""
    if "properties" not in given:
        return {}
    try:
        found = read_json(given["properties"])
        if isinstance(found, str):  # some clients quote it twice
            found = read_json(found)
    except InvalidInput as error:
        raise AwsError(INVALID_INPUT, f"{path}.properties: {error.message}") from error
    if not isinstance(found, dict):
        raise AwsError(INVALID_INPUT, f"{path}.properties must be a JSON object")
    return found


def dataset_of(services: AwsServices, members: Members, wanted: DatasetType) -> Dataset:
    """The dataset that is put into, which must be of that type."""
    dataset = services.resource(Dataset, members["datasetArn"])
    if dataset.dataset_type is not wanted:
        raise AwsError(INVALID_INPUT, f"{members['datasetArn']} is no dataset of {wanted}")
    return dataset


def check_records(rejected: tuple[Rejection, ...], name: str) -> None:
    """InvalidInputException that names what was not taken; the others were."""
    if rejected:
        reasons = "; ".join(f"{name}.{one.index + 1}.member: {one.message}" for one in rejected)
        raise AwsError(INVALID_INPUT, reasons)


OPERATIONS = {
    "DeleteEventTracker": delete_event_tracker,
    "PutEvents": put_events,
    "PutItems": put_items,
    "PutUsers": put_users,
}
