"""The door: requests to `/aws` find their operation, and its answer or error finds its form."""

import hashlib
import inspect
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.aws import campaigns, events, jobs, recipes, runtime, solutions
from pawsonalize.aws.arn import wire_name
from pawsonalize.aws.protocol import (
    UNKNOWN_OPERATION,
    UNSUPPORTED_MEDIA_TYPE,
    UNSUPPORTED_OPERATION,
    AwsError,
    AwsOperation,
    fault_of,
    paths,
    targeted,
)
from pawsonalize.aws.recipes import WARNING, without_effect
from pawsonalize.aws.resources import TAG_OPERATIONS, Handler, operations_of
from pawsonalize.aws.services import AwsServices, Members
from pawsonalize.aws.shapes import parse, serialise
from pawsonalize.aws.signatures import SignedRequest
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.database.journal import AuditEntry
from pawsonalize.core.errors import Forbidden, InvalidInput, NotFound
from pawsonalize.core.forms.decoder import read_bounded
from pawsonalize.core.logs import get_logger
from pawsonalize.core.scopes import CONTROL_PLANE, EVENTS, RUNTIME, Scope
from pawsonalize.operations.guard import ANYBODY_CALLED, note
from pawsonalize.operations.limits import Lane, Tenants
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import DatasetSchema
from pawsonalize.resources.kind import Resource

KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")

ROOT = "/aws"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_TARGET = "x-amz-target"
_FAULT = 500
_READING = ("Describe", "Get", "List")
ACCESS: Mapping[str, frozenset[Scope]] = MappingProxyType(
    {"personalize": CONTROL_PLANE, "personalize-events": EVENTS, "personalize-runtime": RUNTIME}
)
HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        name: handler
        for operations in (
            *map(operations_of, KINDS.values()),
            # After the kinds: these differ from what a kind's description makes.
            *(room.OPERATIONS for room in (campaigns, events, jobs, recipes, runtime, solutions)),
            TAG_OPERATIONS,
        )
        for name, handler in operations.items()
    }
)
# Operations about what is the same for everybody.
_PUBLIC: Final = frozenset(
    {"ListRecipes", "DescribeRecipe", "DescribeAlgorithm", "DescribeFeatureTransformation"}
)
_VERBS = ("Create", "Describe", "List", "Update", "Delete", "Start", "Stop")
# Operations for keys of one dataset group, about what is in it. Those that read and write files are
# the operator's, as a file belongs to no dataset group; so are the dataset groups themselves.
_WITHIN: Final = frozenset(
    {
        "GetRecommendations",
        "GetPersonalizedRanking",
        "GetActionRecommendations",
        "PutEvents",
        "PutItems",
        "PutUsers",
        "PutActions",
        "PutActionInteractions",
        "StopSolutionVersionCreation",
        "GetSolutionMetrics",
        "DescribeDatasetGroup",
        "TagResource",
        "UntagResource",
        "ListTagsForResource",
    }
    | {
        f"{verb}{wire_name(kind)}{'s' if verb == 'List' else ''}"
        for kind in KINDS.values()
        if kind.of_group
        for verb in _VERBS
    }
)
_SCHEMA: Final = ""  # schemas are shared by all dataset groups
_TRACKING_ID = "trackingId"

log = get_logger()

# The keys of `paths()`, which need models that are read at the first call.
REST_PATHS: Final = (
    "/recommendations",
    "/personalize-ranking",
    "/events",
    "/action-recommendations",
    "/action-interactions",
    "/items",
    "/users",
    "/actions",
)


def routes() -> list[Route]:
    """Return every path of the door, the busiest first; any other is an error of AWS's."""
    known = [*REST_PATHS, "", "/", "/{path:path}"]
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
    warnings: list[str] = []
    if operation.service == "personalize":
        # What was sent, or of a description what it says.
        is_read = operation.name.startswith(_READING)
        said = msgspec.json.decode(body or b"{}") if is_read else request.state.members
        warnings = [*dict.fromkeys(without_effect(said))]
        if warnings and operation.name.startswith("Describe"):
            body = msgspec.json.encode({**said, "warnings": warnings})  # SDKs pass over it
    response = _response(body, 200, operation)
    for warning in warnings:
        response.headers.append(WARNING, warning)
    return response


async def _answered(services: AwsServices, operation: AwsOperation, request: Request) -> bytes:
    body = await read_bounded(request.stream(), services.max_body_bytes)
    key = None
    if services.signatures is not None:
        given = request.headers
        signed = SignedRequest(
            method=request.method,
            # As it came in: the signature is over these very bytes.
            path=request.scope["raw_path"].decode("latin-1"),
            query=request.scope["query_string"].decode("latin-1"),
            headers={name: tuple(given.getlist(name)) for name in set(given.keys())},
            payload=hashlib.sha256(body).hexdigest(),
        )
        key = await services.read(services.signatures.check, signed, ACCESS[operation.service])
    # After the signature: what strangers send is not parsed.
    request.state.members = members = parse(operation.given, body)
    confined_to = None if key is None else key.dataset_group
    group = await group_of_call(services, operation.name, members, confined_to)
    tenants: Tenants = request.app.state.tenants
    async with _entered(tenants, operation, group, is_its_own=confined_to is not None):
        # An operator's operation that changes something belongs into the audit log.
        if operation.service != "personalize" or operation.name.startswith(_READING):
            return await _handled(services, operation, members)
        who = ANYBODY_CALLED if key is None else key.name
        return await _noted(services, operation, members, who)


@asynccontextmanager
async def _entered(
    tenants: Tenants, operation: AwsOperation, group: str | None, *, is_its_own: bool
) -> AsyncIterator[None]:
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
    services: AwsServices, operation: AwsOperation, members: Members, who: str
) -> bytes:
    """Return the answer to a change, which is noted, however it ends."""
    outcome = "done"
    try:
        return await _handled(services, operation, members)
    except Exception as error:
        outcome = fault_of(error, operation).name
        raise
    finally:
        named = [str(members[name]) for name in ("name", "jobName") if name in members]
        arns = [str(value) for name, value in members.items() if name.endswith("Arn")]
        target = next(iter((*named, *arns)), None)
        entry = AuditEntry(services.now(), who, operation.name, target, outcome)
        await note(services.audit, entry)


async def _handled(services: AwsServices, operation: AwsOperation, members: Members) -> bytes:
    handler = HANDLERS.get(operation.name)
    if handler is None:
        raise AwsError(
            UNSUPPORTED_OPERATION,
            f"this service does not do {operation.name} yet: see its documentation,"
            " docs/reference/personalize-coverage.md",
        )
    # What visitors wait for is a coroutine; all else may take long, and has a thread.
    if inspect.iscoroutinefunction(handler):
        answer = await handler(services, members)
    else:
        answer = await run_in_threadpool(handler, services, members)
    return serialise(operation.answered, answer)


def _operation(request: Request) -> AwsOperation:
    """Return the requested operation: by its path in REST-JSON, by its target in JSON 1.1."""
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


def _response(body: bytes, status: int, operation: AwsOperation | None, **headers: str) -> Response:
    content_type = operation.content_type if operation else "application/x-amz-json-1.1"
    headers |= {"x-amzn-RequestId": str(uuid.uuid4()), "content-type": content_type}
    return Response(body, status, headers)


async def group_of_call(
    services: AwsServices, operation: str, members: Members, confined_to: str | None
) -> str | None:
    """Return the dataset group that the call is about; None if there is none such.

    AccessDeniedException if a key of one dataset group calls for anything else than that.
    """
    groups = [await _group(services, name, value) for name, value in _references(members)]
    named = [one for one in groups if one is not _SCHEMA]
    if confined_to is None:
        return next((one for one in named if one is not None), None)
    if operation in _PUBLIC:
        return confined_to
    if operation not in _WITHIN:
        raise Forbidden(
            f"this key is for dataset group {confined_to} alone, and {operation} is about more"
        )
    # A call that names nothing could be about every dataset group.
    if not named or any(one != confined_to for one in named):
        raise Forbidden(
            f"this key is for dataset group {confined_to} alone: name what is in it, by ARN"
        )
    return confined_to


def _references(members: object) -> Iterator[tuple[str, str]]:
    """Yield the ARNs and tracking ids in a request with their members' names, however deep."""
    if isinstance(members, dict):
        for name, value in members.items():
            if isinstance(value, str) and (name.endswith("Arn") or name == _TRACKING_ID):
                yield name, value
            else:
                yield from _references(value)
    elif isinstance(members, list | tuple):
        for one in members:
            yield from _references(one)


async def _group(services: AwsServices, name: str, value: str) -> str | None:
    try:
        if name == _TRACKING_ID:
            return (await _found(services, services.trackers, value)).dataset_group
        if (named := _resource(services, value)) is None:
            return _SCHEMA
        group: str = await _found(services, services.groups, named)
    except NotFound:
        return None
    return group


def _resource(services: AwsServices, arn: str) -> tuple[type[Resource], str] | None:
    """Return the resource of a dataset group that an ARN names; None for all others."""
    with suppress(InvalidInput, NotFound):  # a recipe, a role, or wrong: its handler says so
        named = services.arns.resource(arn)
        return None if named[0] is DatasetSchema else named
    return None


async def _found(services: AwsServices, lookup: CachedLookup[KeyT, FoundT], key: KeyT) -> FoundT:
    known = lookup.known(key)  # what it knows needs no thread
    return known[0] if known is not None else await services.read(lookup.find, key)
