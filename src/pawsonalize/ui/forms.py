"""The site's forms: they work without the script, and it takes over some of them."""

from dataclasses import replace

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.ids import parse_id
from pawsonalize.ui.endpoints import Fields, forget_answers, new_session_id, remember, see
from pawsonalize.ui.rendering import path_of
from pawsonalize.ui.storefront import Storefront


async def post_event(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Record what the visitor did with an animal, then show its page again."""
    storefront = Storefront.of(request)
    animal_id: str = request.path_params["animal_id"]
    event = {
        "userId": visitor.user_id,
        "sessionId": visitor.session_id,
        "eventType": fields.get("eventType"),
        "animal_id": animal_id,
        "recommendationId": fields.get("recommendationId"),
    }
    receipt = await storefront.ingest.accept([msgspec.json.encode(event)], storefront.now())
    for refused in receipt.rejected:
        raise InvalidInput(refused.message, field=refused.field)
    response = see(path_of(animal_id))
    remember(request, response, visitor)
    return response


async def post_sign_in(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Go on as the user of that name; what the session did before counts as the user's."""
    user_id = parse_id(fields.get("userId"), "Your name")
    response = see("/")
    # A session belongs to its first user for good.
    changed = visitor.user_id not in {None, user_id}
    session_id = new_session_id() if changed else visitor.session_id
    remember(request, response, Visitor(user_id, session_id))
    return response


async def post_sign_out(request: Request, visitor: Visitor, _fields: Fields) -> Response:
    """Go on as somebody new."""
    response = see("/")
    forget_answers(response)
    remember(request, response, replace(visitor, user_id=None, session_id=new_session_id()))
    return response


async def post_train(request: Request, _visitor: Visitor, _fields: Fields) -> Response:
    """Begin a retraining; it goes on in the background."""
    start = Storefront.of(request).start_training
    if start is None:
        raise NotFound("this server does not train from the site: run `pawsonalize retrain`")
    await run_in_threadpool(start)
    return see("/?notice=training")
