"""Pages of inquiries: the inbox on the console, and the form of visitors of the adoption site."""

from collections.abc import Mapping
from typing import Any

import msgspec
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.app.pages.shell import Link
from pawsonalize.app.pages.views import Confirmation, Done, PageAction, View, ViewQuery
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.event import Visitor
from pawsonalize.core.http.json import read_text, report_of
from pawsonalize.core.http.operation import RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.logs import get_logger
from pawsonalize.core.scopes import DESK
from pawsonalize.plugins.inquiries.book import InquiryState
from pawsonalize.plugins.inquiries.taking import (
    INBOX,
    LONGEST,
    Inquiring,
    InquiryDraft,
    animal_name,
    written,
)
from pawsonalize.site.cards import animal_card
from pawsonalize.site.forms import Fields, posted_form, remember, see, shown
from pawsonalize.site.languages import spoken, text
from pawsonalize.site.rendering import page, with_query
from pawsonalize.site.storefront import Storefront

_ALL = "all"
_SHOWN = 100


class ListedInquiry(msgspec.Struct, frozen=True, rename="camel"):
    """A visitor's message to the shelter, and what became of it."""

    inquiry_id: str
    animal_id: str
    animal: str
    name: str
    contact: str
    message: str
    session_id: str
    user_id: str | None
    sent_at: str
    state: str


class InquiryInbox(msgspec.Struct, frozen=True, rename="camel"):
    """The newest 100 inquiries of a state, the newest first; `states` counts all of them."""

    inquiries: list[ListedInquiry]
    states: dict[str, int]
    is_whole: bool


def _inquiring(plugins: Mapping[str, Any]) -> Inquiring:
    inquiring: Inquiring = plugins["inquiries"]
    return inquiring


def _state(text: str) -> InquiryState:
    try:
        return InquiryState(text)
    except ValueError as error:
        raise InvalidInput(
            f"state must be {', '.join(InquiryState)}, not {text[:50]!r}", field="state"
        ) from error


def _read_inbox(query: ViewQuery) -> InquiryInbox:
    book, animal_id = _inquiring(query.plugins).book, read_text(query.parameters, "animalId")
    # Who follows a link from a message wants that one, whatever became of it.
    text = query.text("state") or (_ALL if animal_id else InquiryState.NEW)
    state = None if text == _ALL else _state(text)
    found = book.newest(_SHOWN + 1, state, animal_id)
    listed = [report_of(ListedInquiry, one) for one in found[:_SHOWN]]
    return InquiryInbox(listed, book.counts(), len(found) <= _SHOWN)


def _content(query: ViewQuery, report: InquiryInbox) -> Mapping[str, object]:
    chosen = query.text("state") or (_ALL if query.text("animalId") else InquiryState.NEW.value)
    counts = {**report.states, _ALL: sum(report.states.values())}
    return {"chosen": chosen, "counts": counts, "is_open": _inquiring(query.plugins).is_open}


def _ask_state(query: ViewQuery) -> Confirmation:
    state, inquiry_id = _state(query.text("state")), query.text("inquiryId")
    effects = ("It moves in the inbox. Nobody is written to.",)
    fields = {"inquiryId": inquiry_id, "state": state.value}
    return Confirmation(f"Mark an inquiry {state}", effects, f"Mark {state}", INBOX, fields)


def _set_state(query: ViewQuery) -> Done:
    state = _state(query.text("state"))
    inquiry = _inquiring(query.plugins).book.set_state(query.text("inquiryId"), state)
    return Done(INBOX, f"The inquiry about {inquiry.animal} is {state}.", inquiry.inquiry_id)


def _count_new(plugins: Mapping[str, Any]) -> int:
    return _inquiring(plugins).book.counts()[InquiryState.NEW.value]


CONSOLE_PAGES = (
    Link("Inquiries", INBOX, place=2, count=_count_new, allowed=DESK),
    View(
        page=INBOX,
        allowed=DESK,
        template="inquiries/inbox.html",
        read=_read_inbox,
        content=_content,
        operation="inquiries",
        summary="Messages of visitors to the shelter.",
        answer=InquiryInbox,
        parameters=(
            RequestParameter("state", "`new`, `answered`, `closed` or `all`; new if left out."),
            RequestParameter("animalId", "Only those about this animal."),
        ),
    ),
    PageAction(f"{INBOX}/state", _ask_state, _set_state, DESK),
)

_SENT = "/inquiries/sent"
_LABELS = {"name": "inquiry.your_name", "contact": "inquiry.contact", "message": "inquiry.message"}
_TRAP = "website"  # people cannot see this field; programs that fill in forms do
log = get_logger()


async def _post_inquiry(request: Request, visitor: Visitor, fields: Fields) -> Response:
    inquiring = _inquiring(request.app.state.plugins)
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
    storefront, inquiring = Storefront.of(request), _inquiring(request.app.state.plugins)
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
