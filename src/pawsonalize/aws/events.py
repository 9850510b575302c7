"""Events, items, users and actions that are put, and such calls as the archive keeps them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pawsonalize.animals.inventory import AnimalNames
from pawsonalize.aws.protocol import AwsError, operations
from pawsonalize.aws.resources import by_name
from pawsonalize.aws.services import AwsServices, Members
from pawsonalize.aws.shapes import Structure, parse
from pawsonalize.aws.strict import check_properties
from pawsonalize.core.errors import Conflict, InvalidInput
from pawsonalize.core.event import ACTIONS, Event
from pawsonalize.core.forms.decoder import encode_text, read_json
from pawsonalize.core.limits import parse_id
from pawsonalize.core.schemas import DatasetType
from pawsonalize.events.datasets import DatasetRow
from pawsonalize.events.event_form import read_interaction, read_raw
from pawsonalize.reports.metric_attributions import SOURCE
from pawsonalize.resources.datasets import Dataset, EventTracker, actions_of

_ANIMAL = "animal_id"
_ACTION_TYPES = ("TAKEN", "NOT_TAKEN", "VIEWED")


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

    def events() -> list[Event]:
        group = services.trackers.find(members["trackingId"]).dataset_group
        read = _events_of(members, group, services.now())
        check_properties(services, group, DatasetType.INTERACTIONS, members, read)
        return services.animal_names.resolve(read)

    try:
        await services.ingest.put(await services.read(events))
    except Conflict as error:  # another visitor's board: this operation declares no such error
        raise InvalidInput(error.message) from error


def put_items(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 items, each with the properties that the dataset's schema has."""
    _put(services, members, DatasetType.ITEMS, "itemId")


def put_users(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 users, each with the properties that the dataset's schema has."""
    _put(services, members, DatasetType.USERS, "userId")


def put_actions(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 actions, each with the properties that the dataset's schema has."""
    _put(services, members, DatasetType.ACTIONS, "actionId")


async def put_action_interactions(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 interactions, TAKEN, NOT_TAKEN or VIEWED; the next answer knows them."""

    def interactions() -> list[Event]:
        group = services.datasets.tracker(members["trackingId"]).dataset_group
        services.datasets.of(group, DatasetType.ACTION_INTERACTIONS)
        read = _events_of(members, actions_of(group), services.now())
        check_properties(services, group, DatasetType.ACTION_INTERACTIONS, members, read)
        return read

    await services.ingest.put(await services.read(interactions))


def _put(services: AwsServices, members: Members, wanted: DatasetType, key: str) -> None:
    """Put records; InvalidInputException names those that were refused, the others are stored."""
    dataset = services.resource(Dataset, members["datasetArn"])
    if dataset.dataset_type is not wanted:
        raise InvalidInput(f"{members['datasetArn']} is no dataset of {wanted}")
    name = f"{key.removesuffix('Id')}s"
    records = [
        DatasetRow(one[key], _properties(one, f"{name}.{place}.member"))
        for place, one in enumerate(members[name], 1)
    ]
    if rejected := services.datasets.put(dataset, records):
        reasons = "; ".join(f"{name}.{one.index + 1}.member: {one.message}" for one in rejected)
        raise InvalidInput(reasons)


def read_raw_call(raw: str, was: Event, names: AnimalNames) -> Event:
    """Return the event of such a call; InvalidInput if it is none any more."""
    # `was` is the event as it was read before: its dataset group and moment count.
    is_action = was.dataset_group.endswith(ACTIONS)
    operation = operations()["PutActionInteractions" if is_action else "PutEvents"]
    try:
        members = parse(operation.given, raw.encode())
        events = _events_of(members, was.dataset_group, was.received_at)
        event = events[0] if is_action else names.resolve(events)[0]
    except AwsError as error:
        raise InvalidInput(error.message) from error
    if event.animal_id is None and was.animal_id is not None:
        raise InvalidInput("the inventory here does not know its animal", field="itemId")
    return event


def _events_of(members: Members, group: str, now: int) -> list[Event]:
    """Return the events of a call that came in now; animals are not looked up yet."""
    is_action = group.endswith(ACTIONS)
    name = "actionInteractions" if is_action else "eventList"
    read = _action_interaction if is_action else _interaction
    events = []
    for place, given in enumerate(members[name], 1):
        path = f"{name}.{place}.member"
        properties = _properties(given, path)
        fields = read(members, given, properties, path) | {
            "event_id": given.get("eventId"),
            "recommendation_id": given.get("recommendationId"),
            "impression": given.get("impression"),
            "properties": properties or None,
        }
        animal_id = fields.pop("animal_id", None)
        try:
            event = read_interaction(group, now, fields, animal_id=animal_id)
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error.message}") from error
        events.append(replace(event, raw=_raw_of(members, name, given)))
    return events


def _interaction(
    members: Members, given: Members, properties: dict[str, object], path: str, /
) -> dict[str, Any]:
    if "metricAttribution" in given:
        properties[SOURCE] = given["metricAttribution"]["eventAttributionSource"]
    value = given.get("eventValue", properties.get("eventValue"))
    # To Python True is a number.
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise InvalidInput(f"{path}: eventValue must be a number")
    animal_id = None  # PutEvents has no member for the animal
    with suppress(InvalidInput):  # properties may hold anything
        animal_id = parse_id(properties.get(_ANIMAL), _ANIMAL)
    return {
        "user_id": members.get("userId"),
        "session_id": members["sessionId"],
        "event_type": given["eventType"],
        "item_id": given.get("itemId", properties.get("itemId")),  # its place in the first versions
        "sent_at": given["sentAt"],
        "event_value": value,
        "animal_id": animal_id,
    }


def _action_interaction(
    _members: Members, given: Members, _properties: dict[str, object], path: str, /
) -> dict[str, Any]:
    kind = given["eventType"].upper().replace(" ", "_")
    if kind not in _ACTION_TYPES:
        raise InvalidInput(
            f"{path}.eventType must be one of {', '.join(_ACTION_TYPES)}, not {given['eventType']}"
        )
    return {
        "user_id": given.get("userId"),
        "session_id": given["sessionId"],
        "event_type": kind,
        "item_id": given["actionId"],
        "sent_at": given["timestamp"],
    }


def _raw_of(members: Members, name: str, one: Mapping[str, object]) -> str | None:
    """Return the call as it came in, with one event alone in its list; None if that is too long."""
    if not (isinstance(members, Structure) and isinstance(one, Structure)):
        return None
    try:
        return read_raw(encode_text({**members.sent, name: [one.sent]}, name).encode())
    except InvalidInput:  # nested too deeply, in unknown members
        return None


def _properties(given: Members, path: str) -> dict[str, object]:
    if "properties" not in given:
        return {}
    try:
        found = read_json(given["properties"])
        if isinstance(found, str):  # some clients quote it twice
            found = read_json(found)
    except InvalidInput as error:
        raise InvalidInput(f"{path}.properties: {error.message}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path}.properties must be a JSON object")
    return found


OPERATIONS = by_name(
    delete_event_tracker, put_events, put_items, put_users, put_actions, put_action_interactions
)
