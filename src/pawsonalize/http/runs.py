"""Workflow runs: begun, listed and cancelled."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.times import iso, parse_moment
from pawsonalize.engine.ingest.decoder import Form
from pawsonalize.engine.training.retrained import Part
from pawsonalize.engine.training.retraining.record import Half, RunRecord, Trigger
from pawsonalize.http.json import json_response, read_count, read_form
from pawsonalize.http.operation import Operations, RequestParameter
from pawsonalize.http.resources import owning_group
from pawsonalize.http.services import services_of
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.kinds.defaults import DATASET_GROUP

OPERATIONS = Operations()
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


_REQUEST = msgspec.json.Decoder(RunRequest)


@OPERATIONS.add(
    "GET",
    "/v1/runs",
    OPERATOR,
    answer=RunList,
    parameters=(RequestParameter("limit", "How many, 1 to 500; 20 if left out.", int),),
)
async def get_runs(request: Request) -> Response:
    """The newest retrainings and how they ended."""
    services = services_of(request)
    limit = read_count(request.query_params, "limit", 20, 1, 500)
    records = await services.read(services.runs.newest, limit)
    return json_response(RunList([_run(record) for record in records]))


@OPERATIONS.add("GET", "/v1/runs/{run_id}", OPERATOR, answer=Run, parameters=(_RUN,))
async def get_run(request: Request) -> Response:
    """One retraining: what it found, how it decided and why."""
    services = services_of(request)
    record = await services.read(services.runs.get, request.path_params["run_id"])
    return json_response(_run(record))


@OPERATIONS.add(
    "POST",
    "/v1/runs",
    OPERATOR,
    request=RunRequest,
    answer=Run,
    status=202,
    examples={"everything that asks for it": {}, "a part": {"datasetGroup": "shelter-b"}},
)
async def post_run(request: Request) -> Response:
    """Retrain now; 409 while another retraining runs."""
    services = services_of(request)
    wanted = await read_form(request, _REQUEST)
    as_of = None if wanted.at is None else parse_moment(wanted.at, "at")
    group = wanted.dataset_group
    if group is not None:
        group = await owning_group(request, group)
    part, now = Part(group, wanted.solution), services.now()
    record = await run_in_threadpool(services.runs.begin, Trigger.API, now, as_of, part)
    return json_response(_run(record), 202)


@OPERATIONS.add(
    "POST", "/v1/runs/{run_id}/cancel", OPERATOR, answer=Run, status=202, parameters=(_RUN,)
)
async def post_cancel(request: Request) -> Response:
    """Stop a retraining and its trainings; what is served stays."""
    services = services_of(request)
    record = await run_in_threadpool(services.runs.cancel, request.path_params["run_id"])
    return json_response(_run(record), 202)


def _run(record: RunRecord) -> Run:
    same = ("run_id", "status", "step", "trigger", "reason", "log_offset", "left_out")
    return Run(
        **{name: getattr(record, name) for name in (*same, "settings", "findings")},
        as_of=iso(record.as_of),
        started_at=iso(record.started_at),
        ended_at=_moment(record.ended_at),
        dataset_group=record.part.dataset_group,
        solution=record.part.solution,
        halves=[_half(half) for half in record.halves],
        steps=[
            RunStep(one.step, iso(one.began_at), _moment(one.ended_at), one.errors)
            for one in record.steps
        ],
    )


def _moment(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _half(half: Half) -> RunHalf:
    known = {name: getattr(half, name) for name in RunHalf.__struct_fields__}
    # Halves of old records knew the default group alone.
    where = {"solution": half.solution or half.campaign}
    return RunHalf(**known | where | {"dataset_group": half.dataset_group or DATASET_GROUP})
