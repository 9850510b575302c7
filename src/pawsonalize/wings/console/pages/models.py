"""Charts and tables of solutions and retrainings."""

from pawsonalize.pages.views import ViewQuery
from pawsonalize.ui.words import day
from pawsonalize.wings.console.pages.charts import ChartLine, LineChart
from pawsonalize.wings.console.views.models import GatePoint, SolutionReport
from pawsonalize.wings.console.views.runs import RunReport

_DETAILED = 6  # campaigns whose rules a retraining's page has; the others are a click away
_FATES = {"failed": 0, "not-promoted": 1, "promoted": 2, "open": 3}
_MEASURES = (
    ("normalized_discounted_cumulative_gain_at_5", "User-split NDCG@5"),
    ("normalized_discounted_cumulative_gain_at_10", "User-split NDCG@10"),
    ("mean_reciprocal_rank_at_25", "MRR@25"),
    ("precision_at_5", "Precision@5"),
    ("coverage", "Coverage"),
)
"""The metrics of a version that the table has, with what they are called.

The gate decides by another NDCG@5, on newer events than the model knows: that has the plain name.
"""


def solution_content(_query: ViewQuery, found: SolutionReport) -> dict[str, object]:
    """Return the charts of what the gate measured, and the metrics of the table."""
    return {"charts": _charts(found.measured), "measures": _MEASURES}


def run_content(query: ViewQuery, found: RunReport) -> dict[str, object]:
    """Return the campaigns in two parts: those with their rules, and others by name."""
    wanted = query.parameters.get("campaign")
    ranked = sorted(
        found.campaigns, key=lambda one: (one.campaign != wanted, _FATES.get(one.fate, 9))
    )
    return {"detailed": ranked[:_DETAILED], "others": ranked[_DETAILED:]}


def _charts(measured: tuple[GatePoint, ...]) -> list[LineChart]:
    """What the gate measured over time, a chart for each campaign."""
    charts = []
    for campaign in dict.fromkeys(point.campaign for point in measured):
        points = [point for point in reversed(measured) if point.campaign == campaign]
        charts.append(
            LineChart(
                f"NDCG@5 of {campaign}, measured by the gate",
                tuple(day(point.at) for point in points),
                (
                    ChartLine("new version", tuple(one.ndcg_at5 for one in points)),
                    ChartLine("live version", tuple(one.live_ndcg_at5 for one in points)),
                    ChartLine("popularity", tuple(one.popularity_ndcg_at5 for one in points)),
                ),
                form="{:.3f}",
            )
        )
    return charts
