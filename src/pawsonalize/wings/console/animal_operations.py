"""GET /v1/console/animals and /v1/console/feeds, PUT /v1/console/meanings: the inventory."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.console.views.animals import AnimalListing, FeedList


class MeaningRequest(Form, frozen=True):
    """What a value of a source means; an empty `meaning` forgets what was said.

    `field` is species, breed, size, age, sex, status or outcome; `value` is as the source writes
    it, a species with its breed as in `OTHER / BAT`.
    """

    field: str
    value: str
    meaning: str
    source: str = ""


_MEANING = msgspec.json.Decoder(MeaningRequest)


async def get_console_animals(request: Request) -> Response:
    """A page of the inventory."""
    services: Services = request.app.state.services
    make, now = services.views.inventory.listing, services.now()
    return json_response(await services.console_reads.make(make, request.query_params, now))


async def get_console_feeds(request: Request) -> Response:
    """The feeds."""
    services: Services = request.app.state.services
    return json_response(await services.console_reads.make(services.views.inventory.feed_list))


async def put_meaning(request: Request) -> Response:
    """Store what a value means."""
    services: Services = request.app.state.services
    told = await read_form(request, _MEANING)
    say = services.views.inventory.say
    await run_in_threadpool(say, told.source, told.field, told.value, told.meaning, services.now())
    return Response(status_code=204)


CONSOLE_ANIMAL_OPERATIONS = (
    Operation(
        "GET",
        "/v1/console/animals",
        get_console_animals,
        "The inventory with filters: who waits, and who is hardly seen.",
        OPERATOR,
        about=About.INVENTORY,
        answer=AnimalListing,
        parameters=(
            RequestParameter("status", "Only animals of this status; `any`; `available`."),
            RequestParameter("species", "Only animals of this species, a word or an id."),
            RequestParameter("shelter", "Only animals of this shelter."),
            RequestParameter("source", "Only animals of this source."),
            RequestParameter("search", "Only animals whose id or name holds this."),
            RequestParameter("waitingDays", "Only animals that wait for so many days.", int),
            RequestParameter("hardlySeen", "`true`: only animals that are hardly seen."),
            RequestParameter(
                "order", "`waiting`, longest first; `newest`; `shown`, least shown first."
            ),
            RequestParameter("limit", "How many, 1 to 500; 50 if left out.", int),
            RequestParameter("cursor", "The `nextCursor` of the page before."),
        ),
    ),
    Operation(
        "GET",
        "/v1/console/feeds",
        get_console_feeds,
        "What each feed brought and refused last, and the values that nobody knows.",
        OPERATOR,
        about=About.INVENTORY,
        answer=FeedList,
    ),
    Operation(
        "PUT",
        "/v1/console/meanings",
        put_meaning,
        "Say what a value of a source means; it counts at the next import, and makes a feed due.",
        OPERATOR,
        about=About.INVENTORY,
        request=MeaningRequest,
        status=204,
        examples={
            "a breed": {"field": "breed", "value": "SHRT HAAR", "meaning": "Domestic Short Hair"}
        },
    ),
)
