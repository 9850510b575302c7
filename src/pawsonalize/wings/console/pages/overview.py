"""Whether all is well, what was learned last night, and what needs attention."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.wings.console.pages.charts import ChartLine, LineChart
from pawsonalize.wings.console.pages.shell import HOME, Console, guarded, shown
from pawsonalize.wings.console.views.traffic import Traffic


def get_overview_page(request: Request, caller: Caller) -> Response:
    """The page."""
    console = Console.of(request)
    found = console.views.overview.overview(console.now())
    return shown(request, caller, "overview.html", overview=found, charts=_charts(found.traffic))


def _charts(traffic: Traffic) -> tuple[LineChart, ...]:
    points = traffic.points
    if not points:
        return ()
    heads = tuple(point.at[11:16] for point in points)
    return (
        LineChart(
            "Answers and events a second",
            heads,
            (
                ChartLine("answers", tuple(one.answers_per_second for one in points)),
                ChartLine("events", tuple(one.events_per_second for one in points)),
            ),
            form="{:,.1f}",
        ),
        LineChart(
            "Milliseconds to an answer",
            heads,
            (
                ChartLine("half within", tuple(one.p50_ms for one in points)),
                ChartLine("99% within", tuple(one.p99_ms for one in points)),
            ),
            form="{:,.1f}",
        ),
    )


def routes() -> list[BaseRoute]:
    """Where the page is."""
    return [Route(HOME, guarded(get_overview_page))]
