"""What the two questions share: who asks, and how an answer leaves the function."""

import base64
import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pawsonalize_functions.fields import (
    Refused,
    check_names,
    is_meant,
    read_id,
    read_json,
    read_object,
)

Form = dict[str, Any]

GENERAL_VISITOR = "pawsonalize:general"
"""The user that is asked for where nobody is named; no event must ever carry this id."""

_OF_THE_SERVICE = (
    "ages",
    "at",
    "campaign",
    "datasetGroup",
    "deny",
    "filter",
    "filterValues",
    "household",
    "houseTrained",
    "include",
    "latitude",
    "longitude",
    "maxDistanceKm",
    "maxFee",
    "metadataColumns",
    "of",
    "postcode",
    "preferences",
    "promotions",
    "sexes",
    "sizes",
    "specialNeeds",
    "species",
)
"""Fields of the service's own API that no call of Amazon Personalize can carry."""

_ELSEWHERE = ("queryStringParameters", "multiValueQueryStringParameters", "body")
_UNKNOWN = "unknown_field"
_ENVELOPE = frozenset({"requestContext", "httpMethod", "body"})
_THROTTLED = frozenset({"ThrottlingException", "TooManyRequestsException"})
_NOT_FOUND = "ResourceNotFoundException"
_WRONG = frozenset({"InvalidInputException", "ValidationException"})


def answered(event: object, answer: Callable[[Form], Any]) -> Any:
    """Answer a bare question with JSON, and one in an envelope with a response.

    An envelope is an HTTP proxy event, of API Gateway (1.0 and 2.0) or a function URL, or just
    `{"body": {…}}`, as callers of AWS's own sample send it. Wrong input is answered as
    `{"error": {"code", "message", "field"?}}`. Other errors are raised for a bare question, so
    that the caller can try again; in an envelope they are a 404, 429 or 503.
    """
    if not (isinstance(event, dict) and _ENVELOPE & event.keys()):
        try:
            return answer(read_object(event))
        except Refused as refused:
            return {"error": refused.as_error()}
    try:
        return _response(200, answer(_body(event)))
    except Refused as refused:
        return _response(400, {"error": refused.as_error()})
    except (ClientError, BotoCoreError) as error:
        status, code = _fault(error)
        print(f"{code}: {error}")  # the log of the function
        return _response(status, {"error": {"code": code, "message": _said(error, status)}})


def read_form(form: Form, known: Collection[str]) -> None:
    """Refused for fields that are misspelt or misplaced, or that only the service can keep."""
    for place in _ELSEWHERE:
        for name in form.get(place) or ():
            if any(is_meant(name, one) for one in known):
                where = f"{place}.{name}"
                raise Refused(f"there is no field {where}: write it into the body", where, _UNKNOWN)
    for name in _OF_THE_SERVICE:
        if form.get(name) is not None and name not in known:
            raise Refused(
                f"{name} cannot be asked through Amazon Personalize's API: leave it out, or ask"
                " the service's own API",
                name,
            )
    check_names(form, [*known, *(one for one in _OF_THE_SERVICE if one not in known)])


def read_context(form: Form) -> dict[str, dict[str, str]]:
    """`{"context": …}` for the call, or nothing."""
    if form.get("context") is None:
        return {}
    given = read_object(form["context"], "context")
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refused(f"context.{name} must be text or a number", f"context.{name}")
    return {"context": {name: str(value) for name, value in given.items()}}


def read_visitor(form: Mapping[str, Any]) -> str | None:
    """Who asks: the user, else the session, which Amazon Personalize takes as a user's id."""
    ids = [
        read_id(form[name], name) for name in ("userId", "sessionId") if form.get(name) is not None
    ]
    return ids[0] if ids else None


def call(question: Callable[..., Form], **members: Any) -> Form:
    """Ask Amazon Personalize; Refused where it says that the input is wrong."""
    try:
        return question(**members)
    except ClientError as error:
        if error.response["Error"]["Code"] in _WRONG:
            raise Refused(error.response["Error"]["Message"]) from error
        raise


def _body(event: Form) -> Form:
    # What only a GET says is not read: `read_form` refuses it.
    elsewhere = {name: event[name] for name in _ELSEWHERE[:2] if event.get(name)}
    body = event.get("body") or "{}"
    if isinstance(body, dict):
        return elsewhere | body
    if event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body, validate=True)
        except ValueError:
            raise Refused("the body is not base64", code="invalid_json") from None
    return elsewhere | read_object(read_json(body))


def _fault(error: ClientError | BotoCoreError) -> tuple[int, str]:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in _THROTTLED:
        return 429, "too_many_requests"
    return (404, "not_found") if code == _NOT_FOUND else (503, "not_ready")


def _said(error: ClientError | BotoCoreError, status: int) -> str:
    if status == 429:
        return "too many questions at once: ask again in a second"
    if status == 404:
        return str(error)
    return "the recommender does not answer: ask again in a few seconds"


def _response(status: int, body: Any) -> Form:
    headers = {"Content-Type": "application/json"} | ({"Retry-After": "1"} if status == 429 else {})
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
