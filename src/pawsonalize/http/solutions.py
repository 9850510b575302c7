"""/v1/solutions and /v1/solution-versions: what is trained, and what it became."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    OwningGroup,
    Tags,
    as_answer,
    owning_group,
    read_group_page,
    read_one,
    read_page_of,
)
from pawsonalize.http.services import Services
from pawsonalize.http.tenants import enter_owner
from pawsonalize.kinds.solutions import (
    MAX_TRIALS,
    EventParameters,
    Progress,
    Solution,
    SolutionVersion,
    TrainingMode,
    TrainingSelection,
    Tuning,
)
from pawsonalize.recipes.settings import Range


class EventWeight(Form, frozen=True, rename="camel"):
    """How events of a type train: see `EventParameters`."""

    event_type: str
    weight: float | None = None
    value_threshold: float | None = None
    value_weighting: bool = False


class TuningWish(Form, frozen=True):
    """How many settings a training tries before it fits: see `Tuning`."""

    trials: Annotated[int, Meta(ge=1, le=MAX_TRIALS)]
    seconds: Annotated[float, Meta(gt=0)] | None = None
    ranges: Mapping[str, Range] = msgspec.field(default_factory=dict)


class SolutionRequest(Form, frozen=True, kw_only=True, rename="camel"):
    """A solution to create: a recipe, its settings, and on which events it trains.

    Without `events` it trains on all types. With `autoTrainingDays` it is trained by itself so
    often; `retrain` false keeps the daily retraining away.
    """

    name: str
    recipe: str
    dataset_group: OwningGroup = None
    settings: Mapping[str, Any] = {}
    events: tuple[EventWeight, ...] = ()
    max_age_days: Annotated[float, Meta(gt=0)] | None = None
    tuning: TuningWish | None = None
    auto_training_days: int | None = None
    retrain: bool | None = None
    tags: Tags = msgspec.field(default_factory=dict)


class SolutionChange(Form, frozen=True, kw_only=True, rename="camel"):
    """What to change of a solution; what is left out stays. Later versions are trained so."""

    settings: Mapping[str, Any] | UnsetType = UNSET
    tuning: TuningWish | UnsetType | None = UNSET
    auto_training_days: int | UnsetType | None = UNSET
    retrain: bool | UnsetType | None = UNSET


class SolutionAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """A recipe with its settings."""

    dataset_group: str
    recipe: str
    settings: Mapping[str, Any]
    events: tuple[EventWeight, ...]
    max_age_days: float | None
    tuning: Tuning | None
    auto_training_days: int | None
    retrain: bool | None


class SolutionList(msgspec.Struct, frozen=True, rename="camel"):
    """Solutions, newest first; `nextCursor` fetches the next page and is null on the last."""

    solutions: list[SolutionAnswer]
    next_cursor: str | None


_REQUEST = msgspec.json.Decoder(SolutionRequest)
_CHANGE = msgspec.json.Decoder(SolutionChange)


async def get_solutions(request: Request) -> Response:
    """List the solutions, of all dataset groups or of one."""
    page = await read_group_page(request, Solution)
    return json_response(SolutionList([_answer(one) for one in page.resources], page.next_cursor))


async def post_solution(request: Request) -> Response:
    """Create a solution; the next retraining trains it once a campaign serves it."""
    services: Services = request.app.state.services
    form = await read_form(request, _REQUEST)
    events = tuple(
        EventParameters(one.event_type, one.weight, one.value_threshold, one.value_weighting)
        for one in form.events
    )
    solution = Solution(
        name=form.name,
        dataset_group=await owning_group(request, form.dataset_group),
        recipe=form.recipe,
        settings=form.settings,
        selection=TrainingSelection(events, form.max_age_days),
        tuning=_tuning(form.tuning),
        auto_training_days=form.auto_training_days,
        retrain=form.retrain,
        tags=form.tags,
    )
    created = await run_in_threadpool(services.solutions.create, solution, services.now())
    return json_response(_answer(created), 201)


async def get_solution(request: Request) -> Response:
    """One solution."""
    return json_response(_answer(await read_one(request, Solution)))


async def patch_solution(request: Request) -> Response:
    """Change how later versions of a solution are trained, and whether any are by themselves."""
    services: Services = request.app.state.services
    form = await read_form(request, _CHANGE)
    changes = {
        field: value for field, value in msgspec.structs.asdict(form).items() if value is not UNSET
    }
    if isinstance(form.tuning, TuningWish):
        changes["tuning"] = _tuning(form.tuning)

    def changed(solution: Solution) -> Solution:
        return msgspec.structs.replace(solution, **changes)

    name: str = request.path_params["name"]
    await enter_owner(request, Solution, name)
    solution = await run_in_threadpool(services.solutions.change, name, changed, services.now())
    return json_response(_answer(solution))


async def delete_solution(request: Request) -> Response:
    """Delete a solution with its versions and their models; 409 while a campaign serves it."""
    services: Services = request.app.state.services
    found = await read_one(request, Solution)
    await run_in_threadpool(services.versions.delete_solution, found.name, services.now())
    return json_response(_answer(found))


def _tuning(wish: TuningWish | None) -> Tuning | None:
    return None if wish is None else Tuning(wish.trials, wish.seconds, wish.ranges)


def _answer(solution: Solution) -> SolutionAnswer:
    events = tuple(as_answer(one, EventWeight) for one in solution.selection.events)
    days = solution.selection.max_age_days
    return as_answer(solution, SolutionAnswer, events=events, max_age_days=days)


class SolutionVersionRequest(Form, frozen=True, kw_only=True, rename="camel"):
    """What to train: a solution, on everything known `at` that moment; now, if left out.

    `mode` UPDATE takes new events into the newest version instead of training anew. With a
    `name` the version is called as the solution and that.
    """

    solution: str
    mode: TrainingMode = TrainingMode.FULL
    at: str | int | float | None = None
    seed: int = 0
    name: str | None = None


class SolutionVersionAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """A trained model, or one in training: then `progress` says how far it is.

    `run` is the retraining that it was trained for, which decides whether it is served. `metrics`
    are of the user split, as Amazon Personalize measures; the gate decides by those in the run.
    """

    solution: str
    recipe: str
    settings: Mapping[str, Any]
    mode: str
    as_of: str
    log_offset: int
    seed: int
    automatic: bool
    run: str | None
    code_version: str
    progress: Progress | None
    fingerprint: str | None
    events: int
    users: int
    items: int
    metrics: Mapping[str, float]


class SolutionVersionList(msgspec.Struct, frozen=True, rename="camel"):
    """Solution versions, newest first, in pages as well."""

    solution_versions: list[SolutionVersionAnswer]
    next_cursor: str | None


_VERSION_REQUEST = msgspec.json.Decoder(SolutionVersionRequest)


async def get_solution_versions(request: Request) -> Response:
    """List the solution versions, of all solutions or of one."""
    page = await read_page_of(request, SolutionVersion, Solution, "solution")
    answers = [as_answer(version, SolutionVersionAnswer) for version in page.resources]
    return json_response(SolutionVersionList(answers, page.next_cursor))


async def post_solution_version(request: Request) -> Response:
    """Train a solution; several trainings wait for each other."""
    services: Services = request.app.state.services
    form = await read_form(request, _VERSION_REQUEST)
    now = services.now()
    as_of = now if form.at is None else parse_moment(form.at, "at")
    await enter_owner(request, Solution, form.solution)

    def train() -> SolutionVersion:
        name = form.name and services.versions.free_name(form.solution, form.name)
        version = services.versions.create(
            form.solution,
            as_of=as_of,
            now=now,
            mode=form.mode,
            seed=form.seed,
            name=name,
            measured=True,
        )
        services.queue.start_waiting(now)
        return services.versions.get(version.name)

    version = await run_in_threadpool(train)
    return json_response(as_answer(version, SolutionVersionAnswer), 202)


async def get_solution_version(request: Request) -> Response:
    """One solution version."""
    return json_response(as_answer(await read_one(request, SolutionVersion), SolutionVersionAnswer))


async def post_stop(request: Request) -> Response:
    """Stop a training, or its waiting; nothing of it is kept. 409 if it has ended."""
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    await enter_owner(request, SolutionVersion, name)
    version = await run_in_threadpool(services.trainings.stop, name, services.now())
    return json_response(as_answer(version, SolutionVersionAnswer))
