"""GET and POST /v1/solution-versions; GET /v1/solution-versions/{name}; POST …/{name}/stop."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.resources.solutions import Progress, SolutionVersion, TrainingMode
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    as_answer,
    read_one,
    read_page,
)
from pawsonalize.http.services import Services


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

    `run` is the retraining that it was trained for, which decides whether it is served.
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


_REQUEST = msgspec.json.Decoder(SolutionVersionRequest)


async def get_solution_versions(request: Request) -> Response:
    """List the solution versions, of all solutions or of one."""
    page = await read_page(request, SolutionVersion, request.query_params.get("solution"))
    answers = [as_answer(version, SolutionVersionAnswer) for version in page.resources]
    return json_response(SolutionVersionList(answers, page.next_cursor))


async def post_solution_version(request: Request) -> Response:
    """Train a solution; several trainings wait for each other."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    now = services.now()
    as_of = now if asked.at is None else parse_moment(asked.at, "at")

    def train() -> SolutionVersion:
        name = asked.name and services.versions.free_name(asked.solution, asked.name)
        version = services.versions.create(
            asked.solution,
            as_of=as_of,
            now=now,
            mode=asked.mode,
            seed=asked.seed,
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
    version = await run_in_threadpool(services.trainings.stop, name, services.now())
    return json_response(as_answer(version, SolutionVersionAnswer))
