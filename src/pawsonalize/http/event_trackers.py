"""GET and POST /v1/event-trackers; GET and DELETE /v1/event-trackers/{name}."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.resources.datasets import EventTracker
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    OwningGroup,
    Tags,
    as_answer,
    owning_group,
    read_group_page,
    read_one,
    removed,
)
from pawsonalize.http.services import Services


class EventTrackerRequest(Form, frozen=True, rename="camel"):
    """An event tracker to create; a dataset group has one."""

    name: str
    dataset_group: OwningGroup = None
    tags: Tags = msgspec.field(default_factory=dict)


class EventTrackerAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """Permission to send events into a dataset group over the Personalize API."""

    dataset_group: str
    tracking_id: str


class EventTrackers(msgspec.Struct, frozen=True, rename="camel"):
    """Event trackers, newest first; `nextCursor` fetches the next page and is null on the last."""

    event_trackers: list[EventTrackerAnswer]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(EventTrackerRequest)


async def get_event_trackers(request: Request) -> Response:
    """List the event trackers, of all dataset groups or of one."""
    page = await read_group_page(request, EventTracker)
    answers = [as_answer(one, EventTrackerAnswer) for one in page.resources]
    return json_response(EventTrackers(answers, page.next_cursor))


async def post_event_tracker(request: Request) -> Response:
    """Create an event tracker with a new tracking id."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    group = await owning_group(request, asked.dataset_group)
    created = await run_in_threadpool(
        services.datasets.create_tracker, asked.name, group, services.now(), asked.tags
    )
    return json_response(as_answer(created, EventTrackerAnswer), 201)


async def get_event_tracker(request: Request) -> Response:
    """One event tracker."""
    return json_response(as_answer(await read_one(request, EventTracker), EventTrackerAnswer))


async def delete_event_tracker(request: Request) -> Response:
    """Delete an event tracker: its tracking id takes no more events, those there are stay."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    found = await run_in_threadpool(removed, services.registry, EventTracker, name)
    return json_response(as_answer(found, EventTrackerAnswer))
