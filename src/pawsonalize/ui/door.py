"""The adoption site's routes, and the forms that its visitors send."""

from dataclasses import replace

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.domain.errors import Conflict, InvalidInput, NotFound
from pawsonalize.domain.event_types import ADOPTION
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.engine.ingest.decoding.payloads import unpack
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.ui.adoption_page import get_adoption_page, get_learning
from pawsonalize.ui.animal_page import get_animal_page
from pawsonalize.ui.endpoints import (
    Fields,
    forget_answers,
    new_session_id,
    posted_form,
    remember,
    see,
    shown,
)
from pawsonalize.ui.looking_for import get_looking_for, post_looking_for
from pawsonalize.ui.portraits import get_portrait
from pawsonalize.ui.rendering import path_of
from pawsonalize.ui.storefront import Storefront
from pawsonalize.ui.visitor_page import HOME, get_visitor_page, post_forget


async def post_event(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Record what the visitor did with an animal, then show its page again."""
    storefront = Storefront.of(request)
    animal_id: str = request.path_params["animal_id"]
    event_type = fields.get("eventType", "")
    is_adoption = storefront.log.event_types.meaning(event_type) == ADOPTION
    if is_adoption and storefront.is_open:
        await run_in_threadpool(_adopt, storefront, animal_id)
    event = {
        "userId": visitor.user_id,
        "sessionId": visitor.session_id,
        "eventType": event_type,
        "animal_id": animal_id,
        "recommendationId": fields.get("recommendationId"),
    }
    receipt = await storefront.ingest.accept(unpack(msgspec.json.encode(event)), storefront.now())
    for refused in receipt.rejected:
        raise InvalidInput(refused.message, field=refused.field)
    where = f"{path_of(animal_id)}#do-adoption" if is_adoption else path_of(animal_id)
    response = see(HOME if fields.get("back") == "you" else where)
    remember(request, response, visitor)
    return response


def _adopt(storefront: Storefront, animal_id: str) -> None:
    """Make an available animal adopted, as its shelter would."""
    inventory, now = Inventory(storefront.animals), storefront.now()
    animal = inventory.get(animal_id)
    if not animal.is_available(now):
        raise Conflict(f"{animal.name or animal_id} is {animal.status}: choose one that waits")
    inventory.set_status(animal_id, AnimalStatus.ADOPTED, now)


async def post_sign_in(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Go on as the user of that name; what the session did before counts as the user's."""
    if not Storefront.of(request).is_open:
        raise NotFound("nobody signs in here: this site has no passwords to tell who you are")
    user_id = parse_id(fields.get("userId"), "The name")
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


__all__ = ["Storefront", "routes"]


def routes() -> list[BaseRoute]:
    """The site's routes; they find their `Storefront` in `app.state.storefront`."""
    return [
        Route("/", get_adoption_page),
        Route("/animals/{animal_id:path}/events", posted_form(post_event), methods=["POST"]),
        Route("/animals/{animal_id:path}", shown(get_animal_page)),
        Route("/portrait.svg", get_portrait),
        Route("/learning", shown(get_learning)),
        Route("/looking-for", shown(get_looking_for)),
        Route("/looking-for", posted_form(post_looking_for), methods=["POST"]),
        Route(HOME, shown(get_visitor_page)),
        Route(f"{HOME}/forget", posted_form(post_forget), methods=["POST"]),
        Route("/sign-in", posted_form(post_sign_in), methods=["POST"]),
        Route("/sign-out", posted_form(post_sign_out), methods=["POST"]),
        Route("/train", posted_form(post_train), methods=["POST"]),
    ]
