"""The form on an animal's page, and the page that answers it."""

import structlog
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.domain.errors import Conflict, InvalidInput, NotFound
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.ui.cards import animal_card
from pawsonalize.ui.endpoints import Fields, posted_form, remember, see, shown
from pawsonalize.ui.languages import spoken, text
from pawsonalize.ui.rendering import page, with_query
from pawsonalize.ui.storefront import Storefront
from pawsonalize.wings.inquiries.taking import (
    LONGEST,
    Inquiring,
    InquiryDraft,
    animal_name,
    written,
)

_SENT = "/inquiries/sent"
_LABELS = {"name": "inquiry.your_name", "contact": "inquiry.contact", "message": "inquiry.message"}
_TRAP = "website"  # people cannot see this field; programs that fill in forms do
log = structlog.get_logger()


def _inquiring(request: Request) -> Inquiring:
    inquiring: Inquiring = request.app.state.plugins["inquiries"]
    return inquiring


async def _post_inquiry(request: Request, visitor: Visitor, fields: Fields) -> Response:
    inquiring = _inquiring(request)
    inquiring.rate.check("" if request.client is None else request.client.host)
    given = {name: fields.get(name, "") for name in ("animalId", "name", "contact", "message")}
    try:
        draft = InquiryDraft.read(*given.values())
    except InvalidInput as error:
        return await run_in_threadpool(_mend, request, visitor, {**fields, **given}, error.field)
    if fields.get(_TRAP):
        log.info("inquiry left out", animal_id=draft.animal_id, reason="a program filled it in")
    else:
        source = fields.get("recommendationId") or None
        try:
            await inquiring.send(draft, visitor, source, spoken().tag)
        except (NotFound, Conflict) as error:
            if not inquiring.is_open:
                raise
            raise type(error)(text("error.gone")) from error
    response = see(with_query(_SENT, {"animalId": draft.animal_id}))
    remember(request, response, visitor)
    return response


def _mend(request: Request, visitor: Visitor, given: Fields, field: str | None) -> Response:
    """Show the form again, with what was typed and what is wrong with a field."""
    storefront = Storefront.of(request)
    animal = storefront.animals.get(given["animalId"])
    if animal is None or field not in LONGEST:
        raise InvalidInput(text("error.gone"))
    source = given.get("recommendationId") or None
    response = page(
        "inquiries/mend.html",
        400,
        site_name=storefront.name,
        message=_mistake(field, given),
        card=animal_card(animal, storefront.now(), source, frozenset()),
        typed=given,
    )
    remember(request, response, visitor)
    return response


def _mistake(field: str, given: Fields) -> Markup:
    """Return what is wrong with a field, in the visitor's language."""
    typed, most, what = written(given[field]), LONGEST[field], text(_LABELS[field])
    if not typed:
        return text("inquiry.missing", what=what)
    if len(typed) > most:
        number = spoken().number
        return text("inquiry.too_long", what=what, given=number(len(typed)), most=number(most))
    return text("inquiry.no_contact", contact=repr(typed))


def _get_sent(request: Request, _visitor: Visitor) -> Response:
    storefront, inquiring = Storefront.of(request), _inquiring(request)
    animal_id = parse_id(request.query_params.get("animalId"), "animalId")
    animal = storefront.animals.get(animal_id)
    return page(
        "inquiries/sent.html",
        site_name=storefront.name,
        name=animal_name(animal, text("inquiry.the_animal")),
        animal_id=animal_id if animal else None,
        days=inquiring.days,
    )


def routes() -> list[BaseRoute]:
    """Return the routes of visitors."""
    return [
        Route("/inquiries", posted_form(_post_inquiry), methods=["POST"]),
        Route(_SENT, shown(_get_sent)),
    ]
