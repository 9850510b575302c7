"""The pages of tenants: the operator's list, and one dataset group's own."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pawsonalize.access.admission import Caller
from pawsonalize.access.tenants import check_reach
from pawsonalize.domain.times import DAY, iso
from pawsonalize.pages.shell import TENANTS, Link, guarded_for_tenants, services_of, shown
from pawsonalize.wings.tenants.operations import reports_of
from pawsonalize.wings.tenants.reports import REPORTED_DAYS, UsageDay

_AT_ONCE = 50
_DATE = len("1970-01-01")


def get_tenants_page(request: Request, caller: Caller) -> Response:
    """The list of all tenants; with a key of one, that one."""
    if caller.dataset_group is not None:
        return RedirectResponse(f"{TENANTS}/{caller.dataset_group}", 303)
    cursor = request.query_params.get("cursor")
    found = reports_of(request).page(_AT_ONCE, cursor, services_of(request).now())
    return shown(
        request,
        caller,
        "tenants/tenants.html",
        tenants=found.tenants,
        next_cursor=found.next_cursor,
        is_first=cursor is None,
    )


def get_tenant_page(request: Request, caller: Caller) -> Response:
    """One tenant."""
    now = services_of(request).now()
    name: str = request.path_params["name"]
    check_reach(caller.dataset_group, name)
    report = reports_of(request).report(name, now)
    return shown(
        request,
        caller,
        "tenants/tenant.html",
        tenant=report,
        charts=_charts(report.days, now),
        is_operator=caller.dataset_group is None,
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


PAGES = (
    Link("Tenants", TENANTS),
    Route(TENANTS, guarded_for_tenants(get_tenants_page)),
    Route(f"{TENANTS}/{{name}}", guarded_for_tenants(get_tenant_page)),
)
