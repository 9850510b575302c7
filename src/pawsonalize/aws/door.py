"""The door: requests to `/aws` find their operation, and its answer or error finds its form."""

import hashlib
import inspect
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.access.guard import ANYBODY_CALLED, note
from pawsonalize.access.limits import Lane, Tenants
from pawsonalize.aws.operations.catalogue import HANDLERS
from pawsonalize.aws.protocol.errors import (
    UNKNOWN_OPERATION,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_OPERATION,
    AwsError,
    fault_of,
)
from pawsonalize.aws.protocol.parsing import parse
from pawsonalize.aws.protocol.serialising import serialise
from pawsonalize.aws.protocol.service import AwsOperation, paths, targeted
from pawsonalize.aws.protocol.validation import check
from pawsonalize.aws.reach import group_of_call
from pawsonalize.aws.services import AwsServices
from pawsonalize.aws.signatures import SignedRequest
from pawsonalize.engine.ingest.decoder import read_bounded
from pawsonalize.kinds.access_keys import CONTROL_PLANE, EVENTS, RUNTIME, Scope
from pawsonalize.storage.journal import AuditEntry

ROOT = "/aws"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_TARGET = "x-amz-target"
_FAULT = 500
_READING = ("Describe", "Get", "List")
ACCESS: Mapping[str, frozenset[Scope]] = MappingProxyType(
    {
        "personalize": CONTROL_PLANE,
        "personalize-events": EVENTS,
        "personalize-runtime": RUNTIME,
    }
)

log = structlog.get_logger()


def routes() -> list[Route]:
    """Every path of the door, the busiest first; what is at none of them is an error of AWS's."""
    known = [*paths(), "", "/", "/{path:path}"]
    return [Route(ROOT + path, answer, methods=_METHODS) for path in known]


async def answer(request: Request) -> Response:
    """Answer one call in its protocol; errors are typed, and a 500 is a fault of ours."""
    operation = None
    try:
        operation = _operation(request)
        body = await _answered(request.app.state.aws, operation, request)
    except ClientDisconnect:
        raise
    except Exception as error:
        fault = fault_of(error, operation)
        if fault.status >= _FAULT:
            log.error("request failed", path=request.url.path, code=fault.name, exc_info=error)
        return _response(fault.body, fault.status, operation, **{"x-amzn-errortype": fault.name})
    return _response(body, 200, operation)


async def _answered(services: AwsServices, operation: AwsOperation, request: Request) -> bytes:
    body = await read_bounded(request.stream(), services.max_body_bytes)
    key = None
    if services.signatures is not None:
        signed = _as_signed(request, body)
        key = await services.read(services.signatures.check, signed, ACCESS[operation.service])
    members = parse(operation.given, body)
    check(operation.given, members)
    confined_to = None if key is None else key.dataset_group
    group = await group_of_call(services, operation.name, members, confined_to)
    tenants: Tenants = request.app.state.tenants
    async with _entered(tenants, operation, group, is_its_own=confined_to is not None):
        if not _is_change(operation):
            return serialise(operation.answered, await _handled(services, operation, members))
        who = ANYBODY_CALLED if key is None else key.name
        return await _noted(services, operation, members, who)


@asynccontextmanager
async def _entered(
    tenants: Tenants,
    operation: AwsOperation,
    group: str | None,
    *,
    is_its_own: bool,
) -> AsyncIterator[None]:
    """A request about the dataset group, while the block runs."""
    if group is None:
        yield
        return
    lane = Lane.WORK if operation.service == "personalize" else Lane.ANSWERS
    entered = await tenants.enter(group, lane, is_its_own=is_its_own)
    if operation.service == "personalize-events":  # what is left is to wait for the disk
        entered.leave()
    try:
        yield
    finally:
        entered.leave()


async def _noted(
    services: AwsServices, operation: AwsOperation, members: Mapping[str, Any], who: str
) -> bytes:
    """The answer to a change, which is noted, however it ends."""
    outcome = "done"
    try:
        return serialise(operation.answered, await _handled(services, operation, members))
    except Exception as error:
        outcome = fault_of(error, operation).name
        raise
    finally:
        entry = AuditEntry(services.now(), who, operation.name, _target(members), outcome)
        await note(services.audit, entry)


async def _handled(
    services: AwsServices, operation: AwsOperation, members: Mapping[str, Any]
) -> Any:
    handler = HANDLERS.get(operation.name)
    if handler is None:
        raise AwsError(
            UNSUPPORTED_OPERATION,
            f"this service does not do {operation.name} yet: see its documentation,"
            " docs/reference/personalize-coverage.md",
        )
    if inspect.iscoroutinefunction(handler):
        return await handler(services, members)
    return await run_in_threadpool(handler, services, members)


def _is_change(operation: AwsOperation) -> bool:
    """Whether it belongs into the audit log: an operator's, which changes something."""
    return operation.service == "personalize" and not operation.name.startswith(_READING)


def _target(members: Mapping[str, Any]) -> str | None:
    """The name or the ARN of what is made or changed."""
    named = [str(members[name]) for name in ("name", "jobName") if name in members]
    arns = [str(value) for name, value in members.items() if name.endswith("Arn")]
    return next(iter((*named, *arns)), None)


def _operation(request: Request) -> AwsOperation:
    """The operation that is asked for: by its path in REST-JSON, by its target in JSON 1.1."""
    path = request.url.path.removeprefix(ROOT).rstrip("/")
    operation = paths().get(path) if path else targeted(request.headers.get(_TARGET))
    if operation is None or request.method != "POST":
        raise AwsError(
            UNKNOWN_OPERATION,
            "there is no such operation: POST to /aws with a known X-Amz-Target, or to one of "
            + ", ".join(ROOT + path for path in paths()),
        )
    content_type = request.headers.get("content-type", operation.content_type)
    if "json" not in content_type.lower():
        raise AwsError(
            UNSUPPORTED_MEDIA_TYPE, f"send {operation.content_type}, not {content_type[:100]}"
        )
    return operation


def _as_signed(request: Request, body: bytes) -> SignedRequest:
    return SignedRequest(
        method=request.method,
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers={
            name: tuple(request.headers.getlist(name)) for name in set(request.headers.keys())
        },
        payload=hashlib.sha256(body).hexdigest(),
    )


def _response(body: bytes, status: int, operation: AwsOperation | None, **headers: str) -> Response:
    content_type = operation.content_type if operation else "application/x-amz-json-1.1"
    headers |= {"x-amzn-RequestId": str(uuid.uuid4()), "content-type": content_type}
    return Response(body, status, headers)
