"""The views of the console, and the operations of the API that show and do the same."""

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.http.addressing import ADDRESS_PARAMETERS
from pawsonalize.http.json import json_response, read_form, read_limit
from pawsonalize.http.operation import About, Operation, RequestParameter
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.console.view import GROUP_PARAMETER, View, ViewQuery
from pawsonalize.wings.console.views.animals import AnimalListing, FeedList
from pawsonalize.wings.console.views.events import ArchiveState, EventAnswer, read_tail
from pawsonalize.wings.console.views.models import ModelsReport, SolutionReport
from pawsonalize.wings.console.views.outcomes import OutcomesOverTime
from pawsonalize.wings.console.views.overview import Overview
from pawsonalize.wings.console.views.quality import DataReport
from pawsonalize.wings.console.views.runs import RunReport
from pawsonalize.wings.console.views.service import AuditPage, ChannelTests, ServiceReport
from pawsonalize.wings.console.views.visitors import VisitorReport, read_lookup

_DEFAULT_DAYS = 90
_CURSOR = RequestParameter("cursor", "The `nextCursor` of the page before.")


def _service_report(query: ViewQuery) -> ServiceReport:
    return query.views.service.report(query.now)


def _outcomes(query: ViewQuery) -> OutcomesOverTime:
    days = read_limit(query.parameters.get("days"), _DEFAULT_DAYS, "days")
    return query.views.outcomes.outcomes(query.group, days)


def _audit(query: ViewQuery) -> AuditPage:
    return query.views.service.audit_page(query.parameters)


def _visitor(query: ViewQuery) -> VisitorReport:
    lookup = read_lookup(query.parameters)
    if lookup is None:
        raise InvalidInput("say which visitor: userId, sessionId or both", field="userId")
    return query.views.visitors.report(lookup, query.group, query.now)


VIEWS = (
    View(
        page="/console",
        template="console/overview.html",
        called="overview",
        read=lambda query: query.views.overview.overview(query.now),
        path="/overview",
        operation="overview",
        summary="Is all well, what did the last retraining decide and why, what needs attention?",
        answer=Overview,
    ),
    View(
        page="/console/models",
        template="console/models.html",
        called="models",
        read=lambda query: query.views.models.models(query.parameters.get("cursor"), query.now),
        path="/models",
        operation="models",
        summary="Solutions, what is served of them, and the newest retrainings.",
        answer=ModelsReport,
        parameters=(_CURSOR,),
    ),
    View(
        page="/console/models/solutions/{name}",
        template="console/solution.html",
        called="solution",
        read=lambda query: query.views.models.solution(query.path_parameters["name"], query.now),
        path="/models/{name}",
        operation="solution",
        summary="One solution: its versions, when each answered, and what the gate measured.",
        answer=SolutionReport,
        parameters=(RequestParameter("name", "The solution.", where="path", required=True),),
    ),
    View(
        page="/console/models/runs/{run_id}",
        template="console/run.html",
        called="run",
        read=lambda query: query.views.runs.get(query.path_parameters["run_id"], query.now),
        path="/runs/{run_id}",
        operation="run",
        summary="One retraining: its steps, and every rule of the gate with its numbers.",
        answer=RunReport,
        parameters=(RequestParameter("runId", "The run.", where="path", required=True),),
    ),
    View(
        page="/console/outcomes",
        template="console/outcomes.html",
        called="outcomes",
        read=_outcomes,
        path="/outcomes",
        operation="outcomes",
        summary="Outcomes of the last days, in all, by version and over time.",
        answer=OutcomesOverTime,
        parameters=(
            RequestParameter("days", "30, 90, 180 or 365; 90 if left out.", int),
            RequestParameter(GROUP_PARAMETER, "The dataset group; the default one if left out."),
        ),
        usual={"days": "180"},  # waits are known of arrivals that were followed for 90 days
        takes_long=True,
    ),
    View(
        page="/console/animals",
        template="console/animals.html",
        called="listing",
        read=lambda query: query.views.inventory.listing(query.parameters, query.now),
        path="/animals",
        operation="animals",
        summary="The inventory with filters: who waits, and who is hardly seen.",
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
            _CURSOR,
        ),
        usual={"limit": "40"},
    ),
    View(
        page="/console/animals/seen",
        template="console/animals_seen.html",
        read=lambda query: query.views.inventory.exposure(query.now),
    ),
    View(
        page="/console/animals/feeds",
        template="feeds/feeds.html",
        read=lambda query: query.views.inventory.feed_list(),
        path="/feeds",
        operation="feeds",
        summary="What each feed brought and refused last, and the values that nobody knows.",
        about=About.INVENTORY,
        answer=FeedList,
    ),
    View(
        page="/console/visitors",
        template="console/visitors.html",
        read=_visitor,
        path="/visitors",
        operation="visitor",
        summary="What a visitor did, was shown and would see now, and why; this is logged nowhere.",
        about=About.GROUP,
        answer=VisitorReport,
        parameters=(
            RequestParameter("userId", "The user."),
            RequestParameter("sessionId", "The session."),
            RequestParameter("version", "The solution version that answers; the live one."),
            RequestParameter("against", "A solution version to compare it with."),
            RequestParameter("limit", "How many events, 1 to 500; 25 if left out.", int),
            RequestParameter("cursor", "The `nextCursor` of the page of events before."),
            *ADDRESS_PARAMETERS,
        ),
        needs=("userId", "sessionId"),
    ),
    View(
        page="/console/data",
        template="console/data.html",
        called="answer",
        read=lambda query: query.views.events.events(read_tail(query.parameters), query.group),
        path="/events",
        operation="events",
        summary="The newest events; of an event, a session or a user, whether they were taken, or"
        " why not.",
        about=About.GROUP,
        answer=EventAnswer,
        parameters=(
            RequestParameter("eventId", "Was this event accepted?"),
            RequestParameter("sessionId", "Were events of this session accepted?"),
            RequestParameter("userId", "Were events of this user accepted?"),
            RequestParameter("eventType", "Only events of this type, as it was sent."),
            RequestParameter("limit", "How many, 1 to 500; 25 if left out.", int),
            _CURSOR,
            *ADDRESS_PARAMETERS,
        ),
    ),
    View(
        page="/console/data/quality",
        template="console/data_quality.html",
        read=lambda query: query.views.quality.report(query.group),
        path="/data",
        operation="data",
        summary="How good the newest events are: unknown names, missing fields, suspected bots.",
        about=About.GROUP,
        answer=DataReport,
        parameters=ADDRESS_PARAMETERS,
    ),
    View(
        page="/console/data/archive",
        template="console/data_archive.html",
        called="state",
        read=lambda query: query.views.events.archive(),
        path="/archive",
        operation="archive",
        summary="What the archive holds, and what waits to go there.",
        answer=ArchiveState,
    ),
    View(
        page="/console/settings",
        template="console/settings.html",
        read=_service_report,
        path="/settings",
        operation="settings",
        summary="Settings in force and where each comes from, keys, notifications, version and"
        " servers.",
        answer=ServiceReport,
    ),
    View(
        page="/console/settings/keys",
        template="console/settings_keys.html",
        read=_service_report,
    ),
    View(
        page="/console/settings/notifications",
        template="notifications/notifications.html",
        read=_service_report,
    ),
    View(page="/console/settings/audit", template="console/settings_audit.html", read=_audit),
)


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


async def put_meaning(request: Request) -> Response:
    """Store what a value means."""
    services: Services = request.app.state.services
    form = await read_form(request, _MEANING)
    say = services.views.inventory.say
    await run_in_threadpool(say, form.source, form.field, form.value, form.meaning, services.now())
    return Response(status_code=204)


async def post_notification_test(request: Request) -> Response:
    """Send a test by every channel."""
    services: Services = request.app.state.services
    make = services.views.service.send_test
    return json_response(await services.console_reads.make(make, services.now()))


OPERATIONS = (
    *(view.as_operation() for view in VIEWS if view.path),
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
    Operation(
        "POST",
        "/v1/console/notifications/test",
        post_notification_test,
        "Send a test notification by every channel, now.",
        OPERATOR,
        answer=ChannelTests,
    ),
)
