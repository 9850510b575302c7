"""The inbox of inquiries on the console."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.http.json import read_text, report_of
from pawsonalize.http.operation import RequestParameter
from pawsonalize.pages.shell import Link
from pawsonalize.pages.views import Confirmation, Done, PageAction, View, ViewQuery
from pawsonalize.wings.inquiries.book import InquiryState
from pawsonalize.wings.inquiries.taking import INBOX, Inquiring

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


def _inquiring(query: ViewQuery) -> Inquiring:
    inquiring: Inquiring = query.plugins["inquiries"]
    return inquiring


def _state(text: str) -> InquiryState:
    try:
        return InquiryState(text)
    except ValueError as error:
        raise InvalidInput(
            f"state must be {', '.join(InquiryState)}, not {text[:50]!r}", field="state"
        ) from error


def _read_inbox(query: ViewQuery) -> InquiryInbox:
    book, animal_id = _inquiring(query).book, read_text(query.parameters, "animalId")
    # Who follows a link from a message wants that one, whatever became of it.
    text = query.text("state") or (_ALL if animal_id else InquiryState.NEW)
    state = None if text == _ALL else _state(text)
    found = book.newest(_SHOWN + 1, state, animal_id)
    listed = [report_of(ListedInquiry, one) for one in found[:_SHOWN]]
    return InquiryInbox(listed, book.counts(), len(found) <= _SHOWN)


def _content(query: ViewQuery, report: InquiryInbox) -> Mapping[str, Any]:
    chosen = query.text("state") or (_ALL if query.text("animalId") else InquiryState.NEW.value)
    counts = {**report.states, _ALL: sum(report.states.values())}
    return {"chosen": chosen, "counts": counts, "is_open": _inquiring(query).is_open}


def _ask_state(query: ViewQuery) -> Confirmation:
    state, inquiry_id = _state(query.text("state")), query.text("inquiryId")
    effects = ("It moves in the inbox. Nobody is written to.",)
    fields = {"inquiryId": inquiry_id, "state": state.value}
    return Confirmation(f"Mark an inquiry {state}", effects, f"Mark {state}", INBOX, fields)


def _set_state(query: ViewQuery) -> Done:
    state = _state(query.text("state"))
    inquiry = _inquiring(query).book.set_state(query.text("inquiryId"), state)
    return Done(INBOX, f"The inquiry about {inquiry.animal} is {state}.", inquiry.inquiry_id)


CONSOLE_PAGES = (
    Link("Inquiries", INBOX),
    View(
        page=INBOX,
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
    PageAction(f"{INBOX}/state", _ask_state, _set_state),
)
