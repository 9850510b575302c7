"""The pages of tenants: the operator's list, and one dataset group's own."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from pawsonalize.access.admission import Caller
from pawsonalize.access.tenants import check_reach
from pawsonalize.domain.times import DAY, iso
from pawsonalize.engine.reporting.tenants import REPORTED_DAYS, UsageDay
from pawsonalize.ui.console import (
    HOME,
    SIGN_IN,
    SIGN_OUT,
    Console,
    get_sign_in,
    guarded,
    post_sign_in,
    post_sign_out,
)
from pawsonalize.ui.rendering import page

_AT_ONCE = 50
_DATE = len("1970-01-01")


def get_tenants_page(request: Request, caller: Caller) -> Response:
    """The list of all tenants; with a key of one, that one."""
    if caller.dataset_group is not None:
        return RedirectResponse(f"{HOME}/{caller.dataset_group}", 303)
    console = Console.of(request)
    cursor = request.query_params.get("cursor")
    found = console.reports.page(_AT_ONCE, cursor, console.now())
    return page(
        "tenants.html",
        tenants=found.tenants,
        next_cursor=found.next_cursor,
        is_first=cursor is None,
        key_id=caller.key_id,
    )


def get_tenant_page(request: Request, caller: Caller) -> Response:
    """One tenant."""
    console, now = Console.of(request), Console.of(request).now()
    name: str = request.path_params["name"]
    check_reach(caller.dataset_group, name)
    report = console.reports.report(name, now)
    return page(
        "tenant.html",
        tenant=report,
        charts=_charts(report.days, now),
        is_operator=caller.dataset_group is None,
        key_id=caller.key_id,
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of a chart; the height is a share of the highest."""

    day: str
    value: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """What was used on each of the last days, oldest first."""

    title: str
    unit: str
    bars: tuple[Bar, ...]

    @property
    def short(self) -> str:
        """The unit as it follows a number."""
        return " s" if self.unit.startswith("seconds") else ""

    @property
    def most(self) -> float:
        """The highest value."""
        return max((bar.value for bar in self.bars), default=0)


def _charts(days: tuple[UsageDay, ...], now: int) -> list[Chart]:
    used = {one.day: one for one in days}
    dates = [iso(now - back * DAY)[:_DATE] for back in reversed(range(REPORTED_DAYS))]
    charts = []
    for title, unit, field in (
        ("Requests a day", "requests", "requests"),
        ("Events a day", "events", "events"),
        ("Answer time a day", "seconds", "answer_seconds"),
        ("Training time a day", "seconds of processors", "training_seconds"),
    ):
        values = [float(getattr(used[day], field)) if day in used else 0.0 for day in dates]
        most = max(values) or 1.0
        bars = tuple(
            Bar(day, value, value / most) for day, value in zip(dates, values, strict=True)
        )
        charts.append(Chart(title, unit, bars))
    return charts


def routes() -> list[BaseRoute]:
    """The console's routes; they find their `Console` in `app.state.console`."""
    return [
        Route(HOME, guarded(get_tenants_page)),
        Route(SIGN_IN, get_sign_in),
        Route(SIGN_IN, post_sign_in, methods=["POST"]),
        Route(SIGN_OUT, post_sign_out, methods=["POST"]),
        Route(f"{HOME}/{{name}}", guarded(get_tenant_page)),
        Mount("/static", StaticFiles(packages=[("pawsonalize.ui", "static")])),
    ]
