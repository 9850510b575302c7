"""The adoption site: pages of an animal and the visitor, forms that they send, and all routes."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.event import ADOPTION, DEFAULT_DATASET_GROUP, Visitor
from pawsonalize.core.limits import parse_id
from pawsonalize.core.preferences import Preferences
from pawsonalize.events.event_form import unpack
from pawsonalize.recommend.animals.eligibility import Denied, Eligibility
from pawsonalize.recommend.query import Query
from pawsonalize.site.adoption_page import get_adoption_page
from pawsonalize.site.boards import post_picks
from pawsonalize.site.cards import animal_card, facts, statements
from pawsonalize.site.choices import get_looking_for, in_words, post_looking_for, preferences_of
from pawsonalize.site.forms import (
    Fields,
    forget_answers,
    new_session_id,
    posted_form,
    remember,
    see,
    shown,
)
from pawsonalize.site.knowledge import Knowledge, curl, panel
from pawsonalize.site.languages import text
from pawsonalize.site.ordering import Shown, like
from pawsonalize.site.rendering import PACKED, animals_page, path_of
from pawsonalize.site.storefront import Storefront

HOME = "/you"
_BACK = {"you": HOME, "all": "/"}
_SHOWN = 24
_OTHERS = 3

# Event type, the message of its button, and the one once that is done.
_FAVOURITE = ("favorite", "card.favourite", "card.did_favourite")
_ASK = ("inquiry", "card.ask", "card.did_ask")


def _get_animal_page(request: Request, visitor: Visitor) -> Response:
    storefront = Storefront.of(request)
    now = storefront.now()
    animal = storefront.animals.get(request.path_params["animal_id"])
    if animal is None or animal.status is AnimalStatus.REMOVED:
        raise NotFound(text("error.gone"))
    known = Knowledge.of(storefront, visitor)
    unit = Shown(animal, _together(storefront, animal, now))
    card = animal_card(animal, now, _source(request), known.did("favorite"), unit)
    event = known.identity() | {"eventType": "view"} | card["event"]
    # Without a form here the shelter is asked at its own page.
    ask = (_ASK,) if storefront.demo or storefront.inquiry_form else ()
    actions = (_FAVOURITE, *ask, *(storefront.demo.actions if storefront.demo else ()))
    call = curl(f"{request.base_url}v1/events", event)
    rules = Eligibility(
        species=frozenset([animal.species]), denied=Denied(animals=known.did("adoption"))
    )
    query = Query(known.visitor, now, now, eligibility=rules, limit=_OTHERS)
    found, favourites = like(storefront, query, animal.animal_id), known.did("favorite")
    return animals_page(
        "animal.html",
        card=card,
        facts=facts(animal, now),
        statements=statements(animal),
        page_url=str(request.url.replace(query="")),
        back=_list_address(request),
        inquiry_form=storefront.inquiry_form,
        others=[
            animal_card(one.animal, now, found.recommendation_id, favourites) for one in found.shown
        ],
        actions=[
            (event_type, text(label, name=card["name"]), text(done, name=card["name"]))
            for event_type, label, done in actions
        ],
        done={kind for kind, _, _ in actions if animal.animal_id in known.did(kind)},
        **panel(storefront, known, text("demo.event_sent"), call),
    )


def _source(request: Request) -> str | None:
    # The answer that the visitor came from, if the address still names it.
    try:
        return parse_id(request.query_params.get("from"), "from")
    except InvalidInput:
        return None


def _together(storefront: Storefront, animal: Animal, now: int) -> tuple[Animal, ...]:
    """Return the others of a bonded unit, while it waits."""
    if not animal.bonded_unit:
        return ()
    available = storefront.animal_recommender.available.of(now, now)
    with available.lock:
        ids = [
            mate for slot in available.slots([animal.animal_id]) for mate in available.members(slot)
        ]
    others = storefront.animals.get_many([one for one in ids if one != animal.animal_id])
    return tuple(others.values())


def _list_address(request: Request) -> str:
    """Return the address of all animals, with the search and filters that the visitor came from."""
    came = urlsplit(request.headers.get("referer", ""))
    is_list = (came.netloc, came.path) == (request.url.netloc, "/")
    return f"/?{came.query}" if is_list and came.query else "/"


def _get_visitor_page(request: Request, visitor: Visitor) -> Response:
    storefront = Storefront.of(request)
    now = storefront.now()
    known = Knowledge.of(storefront, visitor)
    favourites = known.newest("favorite")
    picked = [one for one in known.picked if one not in favourites]
    viewed = [one for one in known.newest("view") if one not in {*favourites, *picked}]
    looking_for = preferences_of(request)
    call = curl(f"{request.base_url}v1/sessions/{visitor.session_id}/history")
    return animals_page(
        "visitor.html",
        favourites=_visitor_cards(storefront, known, favourites, now),
        picked=_visitor_cards(storefront, known, picked, now),
        board_of=known.picked,
        viewed=_visitor_cards(storefront, known, viewed, now),
        looking_for=in_words(looking_for),
        answered=looking_for != Preferences(),
        alerts=storefront.alerts_of(visitor),
        forgotten=request.query_params.get("notice") == "forgotten",
        **panel(storefront, known, text("demo.your_events"), call),
    )


async def _post_forget(request: Request, visitor: Visitor, _fields: Fields) -> Response:
    """Erase what this browser's visitor did, and go on as somebody new."""
    storefront = Storefront.of(request)
    session_id = visitor.session_id
    if visitor.user_id is not None or session_id is None:
        raise Conflict(text("you.sign_out_first"))
    await run_in_threadpool(storefront.erasing.erase_session, session_id, DEFAULT_DATASET_GROUP)
    response = see(f"{HOME}?notice=forgotten")
    forget_answers(response)
    remember(request, response, replace(visitor, session_id=new_session_id()))
    return response


def _visitor_cards(
    storefront: Storefront, known: Knowledge, animal_ids: Sequence[str], now: int
) -> list[dict[str, object]]:
    found = storefront.animals.get_many(animal_ids[:_SHOWN])
    favourites = known.did("favorite")
    return [
        animal_card(found[one], now, None, favourites)
        for one in animal_ids[:_SHOWN]
        if one in found and found[one].status is not AnimalStatus.REMOVED
    ]


async def _post_event(request: Request, visitor: Visitor, fields: Fields) -> Response:
    storefront = Storefront.of(request)
    animal_id: str = request.path_params["animal_id"]
    event_type = fields.get("eventType", "")
    is_adoption = storefront.log.event_types.meaning(event_type) == ADOPTION
    if is_adoption and storefront.demo and storefront.demo.adopt:
        await run_in_threadpool(storefront.demo.adopt, animal_id)
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
    response = see(_BACK.get(fields.get("back", ""), where))
    remember(request, response, visitor)
    return response


def routes() -> list[BaseRoute]:
    """Return the site's routes; they find their `Storefront` in `app.state.storefront`."""
    return [
        Route("/", get_adoption_page, middleware=PACKED),
        Route("/animals/{animal_id:path}/events", posted_form(_post_event), methods=["POST"]),
        Route("/animals/{animal_id:path}", shown(_get_animal_page), middleware=PACKED),
        Route("/picks", posted_form(post_picks), methods=["POST"]),
        Route("/looking-for", shown(get_looking_for), middleware=PACKED),
        Route("/looking-for", posted_form(post_looking_for), methods=["POST"]),
        Route(HOME, shown(_get_visitor_page), middleware=PACKED),
        Route(f"{HOME}/forget", posted_form(_post_forget), methods=["POST"]),
    ]
