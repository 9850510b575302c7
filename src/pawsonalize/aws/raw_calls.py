"""Events of Amazon's calls as they came in, for the archive, and read again."""

from pawsonalize.aws.operations.actions import interactions_of
from pawsonalize.aws.operations.events import events_of
from pawsonalize.aws.protocol.errors import AwsError
from pawsonalize.aws.protocol.parsing import parse
from pawsonalize.aws.protocol.service import operations
from pawsonalize.aws.protocol.validation import check
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import ACTIONS, Event
from pawsonalize.engine.ingest.inventory import AnimalNames


def read_raw_call(raw: str, was: Event, names: AnimalNames) -> Event:
    """The event that such a call is now; InvalidInput if it is none any more.

    `was` is the event as it was read before: its dataset group and moment count.
    """
    is_action = was.dataset_group.endswith(ACTIONS)
    operation = operations()["PutActionInteractions" if is_action else "PutEvents"]
    try:
        members = parse(operation.given, raw.encode())
        check(operation.given, members)
        if is_action:
            return interactions_of(members, was.dataset_group, was.received_at)[0]
        event = names.resolve(events_of(members, was.dataset_group, was.received_at))[0]
    except AwsError as error:
        raise InvalidInput(error.message) from error
    if event.animal_id is None and was.animal_id is not None:
        raise InvalidInput("the inventory here does not know its animal", field="itemId")
    return event
