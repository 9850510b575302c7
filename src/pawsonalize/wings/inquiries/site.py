"""The form on an animal's page, and the page that answers it."""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.limits import parse_id
from pawsonalize.ui.endpoints import Fields, posted_form, remember, see, shown
from pawsonalize.ui.languages import spoken, text
from pawsonalize.ui.rendering import page, with_query
from pawsonalize.ui.storefront import Storefront
from pawsonalize.wings.inquiries.taking import Inquiring, InquiryDraft, animal_name

_SENT = "/inquiries/sent"
_TRAP = "website"  # people cannot see this field; programs that fill in forms do
log = structlog.get_logger()


def _inquiring(request: Request) -> Inquiring:
    inquiring: Inquiring = request.app.state.wings["inquiries"]
    return inquiring


async def _post_inquiry(request: Request, visitor: Visitor, fields: Fields) -> Response:
    inquiring = _inquiring(request)
    inquiring.rate.check("" if request.client is None else request.client.host)
    given = {name: fields.get(name, "") for name in ("animalId", "name", "contact", "message")}
    try:
        draft = InquiryDraft.read(*given.values())
    except InvalidInput as error:
        if error.field != "contact" or not given["contact"].strip():
            raise
        no_contact = text("inquiry.no_contact", contact=repr(given["contact"].strip()))
        raise InvalidInput(no_contact, field="contact") from error
    if fields.get(_TRAP):
        log.info("inquiry left out", animal_id=draft.animal_id, reason="a program filled it in")
    else:
        source = fields.get("recommendationId") or None
        await inquiring.send(draft, visitor, source, spoken().tag)
    response = see(with_query(_SENT, {"animalId": draft.animal_id}))
    remember(request, response, visitor)
    return response


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
