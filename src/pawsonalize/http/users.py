"""DELETE /v1/users/{userId}: a user is erased."""

from http import HTTPStatus

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.ids import parse_id
from pawsonalize.http.addressing import read_group
from pawsonalize.http.json import json_response
from pawsonalize.http.services import Services

# A history is another path, and one cannot be deleted.
_HISTORY = "/history"


class ErasureAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The job that erases the user from the dataset group, and its state."""

    data_deletion_job: str
    status: str
    dataset_group: str


async def delete_user(request: Request) -> Response:
    """Erase a user from tables and archive, within a moment, and from the next model."""
    services: Services = request.app.state.services
    if request.path_params["user_id"].endswith(_HISTORY):
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET"})
    user_id = parse_id(request.path_params["user_id"], "userId")
    group = await read_group(request)
    job = await run_in_threadpool(services.deletions.erase_user, user_id, dataset_group=group)
    return json_response(ErasureAnswer(job.name, job.status, group), 202)
