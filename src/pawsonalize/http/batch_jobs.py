"""GET and POST /v1/batch-inference-jobs and /v1/batch-segment-jobs; GET and DELETE …/{name}."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.http.campaigns import Days, Share
from pawsonalize.http.json import json_response, read_form
from pawsonalize.http.resources import (
    NamedAnswer,
    Tags,
    as_answer,
    read_one,
    read_page,
)
from pawsonalize.http.services import Services
from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob

Location = Annotated[str, Meta(description="A `file://` or `s3://` location.")]


class SegmentJobRequest(Form, frozen=True, kw_only=True, rename="camel"):
    """A version to ask about every line of the JSON Lines files at `input`.

    Answers are written to `{file}.out` below `output`. `results` is how many users a line gets.
    """

    name: str
    solution_version: str
    input: Location
    output: Location
    results: int | None = None
    filter: str | None = None
    tags: Tags = msgspec.field(default_factory=dict)


class InferenceJobRequest(SegmentJobRequest, frozen=True, kw_only=True, rename="camel"):
    """The same, with how answers explore; `results` is how many items a line gets."""

    exploration_weight: Share | None = None
    exploration_item_age_cut_off: Days | None = None
    popularity_influence: Share | None = None
    freshness_influence: Share | None = None


class BatchJobAnswer(NamedAnswer, frozen=True, kw_only=True, rename="camel"):
    """A batch job: `answered` and `rejected` count lines."""

    solution_version: str
    input: str
    output: str
    results: int | None
    filter: str | None
    answered: int
    rejected: int


class InferenceJobs(msgspec.Struct, frozen=True, rename="camel"):
    """Batch inference jobs, newest first, in pages as well."""

    batch_inference_jobs: list[BatchJobAnswer]
    next_cursor: str | None


class SegmentJobs(msgspec.Struct, frozen=True, rename="camel"):
    """Batch segment jobs, newest first, in pages as well."""

    batch_segment_jobs: list[BatchJobAnswer]
    next_cursor: str | None


_INFERENCE = msgspec.json.Decoder(InferenceJobRequest)
_SEGMENTS = msgspec.json.Decoder(SegmentJobRequest)


async def get_batch_inference_jobs(request: Request) -> Response:
    """List the batch inference jobs, of all versions or of one."""
    of = request.query_params.get("solutionVersion")
    page = await read_page(request, BatchInferenceJob, of)
    return json_response(InferenceJobs([_answer(one) for one in page.resources], page.next_cursor))


async def post_batch_inference_job(request: Request) -> Response:
    """Answer every line of files, in the background."""
    services: Services = request.app.state.services
    form = await read_form(request, _INFERENCE)
    job = BatchInferenceJob(**_fields(form))
    return json_response(_answer(await run_in_threadpool(services.jobs.create, job)), 202)


async def get_batch_inference_job(request: Request) -> Response:
    """One batch inference job."""
    return json_response(_answer(await read_one(request, BatchInferenceJob)))


async def delete_batch_inference_job(request: Request) -> Response:
    """Forget a batch inference job that is done; its files stay."""
    return await _delete(request, BatchInferenceJob)


async def get_batch_segment_jobs(request: Request) -> Response:
    """List the batch segment jobs, of all versions or of one."""
    of = request.query_params.get("solutionVersion")
    page = await read_page(request, BatchSegmentJob, of)
    return json_response(SegmentJobs([_answer(one) for one in page.resources], page.next_cursor))


async def post_batch_segment_job(request: Request) -> Response:
    """Find the users who like the items of every line best, in the background."""
    services: Services = request.app.state.services
    form = await read_form(request, _SEGMENTS)
    job = BatchSegmentJob(**_fields(form))
    return json_response(_answer(await run_in_threadpool(services.jobs.create, job)), 202)


async def get_batch_segment_job(request: Request) -> Response:
    """One batch segment job."""
    return json_response(_answer(await read_one(request, BatchSegmentJob)))


async def delete_batch_segment_job(request: Request) -> Response:
    """Forget a batch segment job that is done; its files stay."""
    return await _delete(request, BatchSegmentJob)


async def _delete(
    request: Request, kind: type[BatchInferenceJob] | type[BatchSegmentJob]
) -> Response:
    services: Services = request.app.state.services
    name: str = request.path_params["name"]
    job = await run_in_threadpool(services.jobs.delete, kind, name)
    return json_response(_answer(job))


def _fields(form: SegmentJobRequest) -> dict[str, Any]:
    """The request in the words of a job."""
    fields = msgspec.structs.asdict(form)
    return fields | {"source": fields.pop("input"), "target": fields.pop("output")}


def _answer(job: BatchInferenceJob | BatchSegmentJob) -> BatchJobAnswer:
    return as_answer(job, BatchJobAnswer, input=job.source, output=job.target)
