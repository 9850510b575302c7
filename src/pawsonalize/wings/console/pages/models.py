"""Solutions and their versions, and the retrainings that made them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.ui.words import day
from pawsonalize.wings.console.pages import campaign_actions, run_actions
from pawsonalize.wings.console.pages.charts import ChartLine, LineChart
from pawsonalize.wings.console.pages.shell import Console, guarded, shown
from pawsonalize.wings.console.views.models import GatePoint

MODELS = "/console/models"
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


def get_models_page(request: Request, caller: Caller) -> Response:
    """Solutions, what is served of them, and the newest retrainings."""
    console = Console.of(request)
    cursor = request.query_params.get("cursor")
    found = console.views.models.models(cursor, console.now())
    return shown(request, caller, "models.html", models=found, is_first=cursor is None)


def get_solution_page(request: Request, caller: Caller) -> Response:
    """One solution, its versions, and what the gate measured."""
    console = Console.of(request)
    found = console.views.models.solution(request.path_params["name"], console.now())
    return shown(
        request,
        caller,
        "solution.html",
        solution=found,
        charts=_charts(found.measured),
        measures=_MEASURES,
    )


def get_run_page(request: Request, caller: Caller) -> Response:
    """One retraining: what was decided and why, and how each step went."""
    console = Console.of(request)
    found = console.views.runs.get(request.path_params["run_id"], console.now())
    wanted = request.query_params.get("campaign")
    ranked = sorted(
        found.campaigns, key=lambda one: (one.campaign != wanted, _FATES.get(one.fate, 9))
    )
    detailed, others = ranked[:_DETAILED], ranked[_DETAILED:]
    return shown(request, caller, "run.html", run=found, detailed=detailed, others=others)


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


def routes() -> list[BaseRoute]:
    """Where the pages and their actions are."""
    return [
        Route(MODELS, guarded(get_models_page)),
        *run_actions.routes(),
        *campaign_actions.routes(),
        Route(f"{MODELS}/runs/{{run_id}}", guarded(get_run_page)),
        Route(f"{MODELS}/solutions/{{name}}", guarded(get_solution_page)),
    ]
