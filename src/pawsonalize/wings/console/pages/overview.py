"""Charts of the overview."""

from pawsonalize.pages.views import ViewQuery
from pawsonalize.wings.console.pages.charts import ChartLine, LineChart
from pawsonalize.wings.console.views.overview import Overview
from pawsonalize.wings.console.views.traffic import Traffic


def overview_content(_query: ViewQuery, found: Overview) -> dict[str, object]:
    """Return the charts of the traffic."""
    return {"charts": _charts(found.traffic)}


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
