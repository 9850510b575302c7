"""/v1/live-tests: begin a live test, see what it says, pause, stop or promote it."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.core.forms.decoder import Form
from pawsonalize.core.http.json import read_form, report_of
from pawsonalize.core.http.operation import Operations, RequestParameter
from pawsonalize.core.scopes import CONTROL_PLANE
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.live_tests.rounds import act, begin, named_arm
from pawsonalize.plugins.live_tests.stored import (
    Arm,
    LiveTest,
    LiveTests,
    Metric,
    StoredReading,
    new_test,
)
from pawsonalize.recommend.live_tests import AS_SENT, Design
from pawsonalize.resources.defaults import RECOMMENDER

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters

OPERATIONS = Operations(CONTROL_PLANE)
_NAME = RequestParameter("name", "The live test.", where="path", required=True)
_SHARE = Annotated[float, Meta(gt=0, le=1)]
_WEIGHT = Annotated[float, Meta(ge=0, le=1)]


class LiveTestRequest(Form, frozen=True, rename="camel", kw_only=True):
    """A live test to begin."""

    name: str
    """1 to 63 letters, digits, - and _; no other live test ever had it."""
    second: str
    """The solution version of arm 1, which is to be better; or a campaign: its version, with the
    exploration and the influences that are set there now."""
    first: str = ""
    """The same of arm 0; left out, the version that the campaign serves. `as-sent`: lists to be
    ranked stay as they are sent."""
    campaign: str = RECOMMENDER
    """The campaign whose answers it is about."""
    design: Design = Design.INTERLEAVE
    """`interleave`: both arms draft each page. `ab`: each visitor has one arm. `switchback`: each
    day has one. `pawsonalize live-tests advise` says which fits."""
    first_exploration: _WEIGHT | None = None
    """Exploration weight of arm 0; left out, the campaign's."""
    second_exploration: _WEIGHT | None = None
    """Exploration weight of arm 1; left out, the campaign's."""
    share: _SHARE = 1.0
    """Share of the visitors, or days, that are in it."""
    days: Annotated[int, Meta(ge=7, le=364)] = 28
    """When it ends without a verdict: whole weeks."""
    metric: Metric = "inquiry"
    """The event that decides."""
    margin: Annotated[float, Meta(ge=0, le=0.5)] = 0.02
    """Differences up to this are equal enough: of a share of visitors, or of events of each."""
    pool: str = ""
    """Of switchbacks: tests of one pool are read together, by the days of each campaign."""
    promotes: bool = False
    """True: arm 1 goes live by itself once it is better or equal enough."""

    def test(self, adapters: "Adapters", now: int) -> LiveTest:
        """Return the test that it asks for; InvalidInput for what cannot be compared."""
        own = adapters.campaigns.get(self.campaign)
        first = self.first or own.target_version or AS_SENT
        given = ((first, self.first_exploration), (self.second, self.second_exploration))
        first_arm, second_arm = (named_arm(adapters, name, own, weight) for name, weight in given)
        names = ("design", "days", "share", "metric", "margin", "promotes", "pool")
        more = {name: getattr(self, name) for name in names}
        return new_test(self.name, self.campaign, (first_arm, second_arm), now, **more)


class LiveTestReport(msgspec.Struct, frozen=True, rename="camel"):
    """A live test and what it says; moments are ISO 8601."""

    name: str
    campaign: str
    design: Design
    arms: tuple[Arm, ...]
    share: float
    metric: Metric
    margin: float
    began_at: str
    last_day: str
    promotes: bool
    pool: str
    state: str
    reason: str
    readings: tuple[StoredReading, ...]


class LiveTestList(msgspec.Struct, frozen=True, rename="camel"):
    """All live tests, the newest first."""

    live_tests: list[LiveTestReport]


def _report(test: LiveTest) -> LiveTestReport:
    return report_of(LiveTestReport, test)


def _adapters(request: Request) -> "Adapters":
    adapters: Adapters = request.app.state.plugins["live_tests"]
    return adapters


@OPERATIONS.add(
    "POST",
    "/v1/live-tests",
    request=LiveTestRequest,
    status=201,
    examples={"a new version": {"name": "spring", "second": "recommender-2026-05-17"}},
    summary="Begin a live test of two versions, settings or orders.",
)
async def post_live_tests(request: Request) -> LiveTestReport:
    """Begin a live test."""
    form, adapters = await read_form(request, LiveTestRequest), _adapters(request)
    now = services_of(request).now()

    def begun() -> LiveTest:
        return begin(adapters, form.test(adapters, now))

    return _report(await run_in_threadpool(begun))


@OPERATIONS.add("GET", "/v1/live-tests", summary="All live tests, and what they say.")
async def get_live_tests(request: Request) -> LiveTestList:
    """List live tests."""
    tests = await run_in_threadpool(LiveTests(_adapters(request).database).all)
    return LiveTestList([_report(one) for one in tests])


@OPERATIONS.add(
    "GET", "/v1/live-tests/{name}", parameters=(_NAME,), summary="One live test, with its readings."
)
async def get_live_test(request: Request) -> LiveTestReport:
    """Show a live test."""
    get = LiveTests(_adapters(request).database).get
    return _report(await run_in_threadpool(get, request.path_params["name"]))


@OPERATIONS.add(
    "POST",
    "/v1/live-tests/{name}/{action}",
    parameters=(
        _NAME,
        RequestParameter(
            "action",
            "`pause`, `resume`, `stop`, or `promote`: arm 1 goes live now.",
            Literal["pause", "resume", "stop", "promote"],
            where="path",
            required=True,
        ),
    ),
    summary="Pause, resume or stop a live test, or let its arm 1 go live.",
)
async def post_live_test_action(request: Request) -> LiveTestReport:
    """Pause, resume, stop or promote."""
    name, action = request.path_params["name"], request.path_params["action"]
    now = services_of(request).now()
    return _report(await run_in_threadpool(act, _adapters(request), name, action, now))
