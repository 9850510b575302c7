"""Workflow runs: begun, listed and cancelled."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.core.extensions import distributions
from pawsonalize.core.forms.decoder import Form
from pawsonalize.core.http.json import read_count, read_form, report_of
from pawsonalize.core.http.operation import Operations, RequestParameter, field_docs
from pawsonalize.core.scopes import CONTROL_PLANE, OPERATOR
from pawsonalize.core.times import parse_moment
from pawsonalize.models.recipes.catalogue import GROUP, all_recipes, docstring, other_recipes
from pawsonalize.models.recipes.contract import AnyRecipe
from pawsonalize.operations.services import services_of
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.endpoints import owning_group
from pawsonalize.train.retrained import Part
from pawsonalize.train.retraining.runs import Half, RunRecord, Trigger

OPERATIONS = Operations(OPERATOR)
_RUN = RequestParameter("runId", "The run.", where="path", required=True)


class RunRequest(Form, frozen=True, rename="camel"):
    """A wish to retrain on everything known `at` that moment; now, if left out.

    Of one `datasetGroup` or of one `solution`; all that ask for it, if both are left out.
    """

    at: str | int | float | None = None
    dataset_group: str | None = None
    solution: str | None = None


class RunStep(msgspec.Struct, frozen=True, rename="camel"):
    """One step; `errors` are those after which it was tried again."""

    step: str
    began_at: str
    ended_at: str | None
    errors: tuple[str, ...]


class RunHalf(msgspec.Struct, frozen=True, rename="camel"):
    """Result for one campaign's new solution version, with the gate's reasons.

    `solutionVersion` is empty where none was trained; `errors` are those it was tried again after.
    """

    campaign: str
    solution: str
    dataset_group: str
    solution_version: str
    live_version: str | None
    training_status: str
    training_progress: str
    metrics: Mapping[str, float]
    evidence: Mapping[str, Any] | None
    decision: Mapping[str, Any] | None
    fate: str
    reason: str
    errors: tuple[str, ...]


class Run(msgspec.Struct, frozen=True, rename="camel"):
    """A workflow run; `status` is `running`, or how it ended. Times are ISO 8601 UTC.

    It has one of `halves` for each campaign; `leftOut` has campaigns that ask for no retraining,
    with the reason. `datasetGroup` or `solution` say what it is of; all that ask, where both are
    null.
    """

    run_id: str
    status: str
    step: str
    trigger: str
    reason: str
    as_of: str
    started_at: str
    ended_at: str | None
    log_offset: int | None
    dataset_group: str | None
    solution: str | None
    left_out: Mapping[str, str]
    settings: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]
    halves: list[RunHalf]
    steps: list[RunStep]


class RunList(msgspec.Struct, frozen=True):
    """Workflow runs, newest first."""

    runs: list[Run]


class RecipeSetting(msgspec.Struct, frozen=True):
    """A setting of a recipe, with what its class says of it."""

    name: str
    default: str | float | bool | None
    description: str


class RecipeDescription(msgspec.Struct, frozen=True, rename="camel"):
    """A recipe with its settings.

    `distribution` is name and version of the package that brings it, null if it is built in.
    """

    name: str
    description: str
    built_in: bool
    distribution: str | None
    needs_item: bool
    settings: list[RecipeSetting]


class RecipeList(msgspec.Struct, frozen=True):
    """Recipes that solutions may have."""

    recipes: list[RecipeDescription]


@OPERATIONS.add("GET", "/v1/recipes", CONTROL_PLANE)
async def get_recipes(_request: Request) -> RecipeList:
    """The recipes there are, also those of other packages, with their settings."""
    return list_recipes()


def list_recipes() -> RecipeList:
    """Return the recipes there are: ours first."""
    brings = distributions(GROUP)
    return RecipeList([_described(*one, brings) for one in all_recipes().items()])


def _described(name: str, recipe: AnyRecipe, brings: Mapping[str, str]) -> RecipeDescription:
    text, is_ours = docstring(recipe), name not in other_recipes()
    docs, defaults = field_docs(recipe.settings), msgspec.structs.asdict(recipe.settings())
    settings = [RecipeSetting(key, value, docs.get(key, "")) for key, value in defaults.items()]
    source = None if is_ours else brings[name]
    return RecipeDescription(name, text, is_ours, source, recipe.needs_item, settings)


@OPERATIONS.add(
    "GET",
    "/v1/runs",
    parameters=(RequestParameter("limit", "At most so many, 1 to 500; 20 if left out.", int),),
)
async def get_runs(request: Request) -> RunList:
    """The newest retrainings and how they ended."""
    services = services_of(request)
    limit = read_count(request.query_params, "limit", 20, 1, 500)
    records = await services.read(services.runs.newest, limit)
    return RunList([_run(record) for record in records])


@OPERATIONS.add("GET", "/v1/runs/{run_id}", parameters=(_RUN,))
async def get_run(request: Request) -> Run:
    """One retraining: what it found, how it decided and why."""
    services = services_of(request)
    return _run(await services.read(services.runs.get, request.path_params["run_id"]))


@OPERATIONS.add(
    "POST",
    "/v1/runs",
    request=RunRequest,
    status=202,
    examples={"everything that asks for it": {}, "a part": {"datasetGroup": "shelter-b"}},
)
async def post_run(request: Request) -> Run:
    """Retrain now; 409 while another retraining runs."""
    services = services_of(request)
    wanted = await read_form(request, RunRequest)
    as_of = None if wanted.at is None else parse_moment(wanted.at, "at")
    group = wanted.dataset_group
    if group is not None:
        group = await owning_group(request, group)
    part, now = Part(group, wanted.solution), services.now()
    return _run(await run_in_threadpool(services.runs.begin, Trigger.API, now, as_of, part))


@OPERATIONS.add("POST", "/v1/runs/{run_id}/cancel", status=202, parameters=(_RUN,))
async def post_cancel(request: Request) -> Run:
    """Stop a retraining and its trainings; what is served stays."""
    services = services_of(request)
    return _run(await run_in_threadpool(services.runs.cancel, request.path_params["run_id"]))


def _run(record: RunRecord) -> Run:
    return report_of(
        Run,
        record,
        dataset_group=record.part.dataset_group,
        solution=record.part.solution,
        halves=[_half(half) for half in record.halves],
        steps=[report_of(RunStep, one) for one in record.steps],
    )


def _half(half: Half) -> RunHalf:
    # Halves of old records knew the default group alone.
    group = half.dataset_group or DATASET_GROUP
    return report_of(RunHalf, half, solution=half.solution or half.campaign, dataset_group=group)
