"""Inquiries are read, stored with the messages that tell of them, and counted as an event."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool

from pawsonalize.animals.animal import Animal, AnimalStatus
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core import clock
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.event import INQUIRY as INQUIRY_EVENT
from pawsonalize.core.event import Visitor
from pawsonalize.core.limits import parse_id
from pawsonalize.core.notifications import (
    Notification,
    NotificationKind,
    is_mail_address,
    mail_header,
)
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Delivery, Outbox
from pawsonalize.events.event_form import unpack
from pawsonalize.events.ingest import Ingest
from pawsonalize.operations.limits import AddressRate
from pawsonalize.plugins.inquiries import InquirySettings, takes_inquiries
from pawsonalize.plugins.inquiries.book import Inquiry, InquiryBook, news_id
from pawsonalize.site.languages import choose
from pawsonalize.site.languages import language as language_of
from pawsonalize.site.rendering import with_query

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.app.settings import Settings
    from pawsonalize.operations.services import Services

LONGEST = {"name": 100, "contact": 200, "message": 1_500}
INBOX = "/console/inquiries"
_PHONE = re.compile(r"\+?[\d\s()/.-]{6,30}")
_LEAST_DIGITS = 6
_GONE = (AnimalStatus.ADOPTED, AnimalStatus.REMOVED)


class InquiryDraft(msgspec.Struct, frozen=True):
    """A message as it was typed, checked; InvalidInput names the field that is wrong."""

    animal_id: str
    name: str
    contact: str
    message: str

    @classmethod
    def read(cls, animal_id: str, name: str, contact: str, message: str) -> "InquiryDraft":
        """Read the fields of a form or of a call."""
        contact = _text("contact", contact)
        is_phone = _PHONE.fullmatch(contact) and sum(map(str.isdigit, contact)) >= _LEAST_DIGITS
        if not is_mail_address(contact) and not is_phone:
            raise InvalidInput(
                f"{contact!r} is no e-mail address and no telephone number: write one of them, so"
                " that the shelter can answer",
                field="contact",
            )
        return cls(
            parse_id(animal_id, "animalId"),
            " ".join(_text("name", name).split()),
            contact,
            _text("message", message),
        )

    @property
    def mail(self) -> str:
        """The address to write to; empty if the visitor wants to be called, or if no mail can."""
        return mail_header(self.contact)


def written(given: str) -> str:
    """Return a text as it was typed: forms send each line end as two characters."""
    return given.replace("\r\n", "\n").strip()


def _text(field: str, given: str) -> str:
    text, most = written(given), LONGEST[field]
    if not text:
        raise InvalidInput(f"{field} is missing: fill it in", field=field)
    if len(text) > most:
        raise InvalidInput(
            f"{field} has {len(text):,} characters: write {most:,} at most", field=field
        )
    return text


class Inquiring(msgspec.Struct, frozen=True):
    """Takes inquiries; `language` is the shelter's."""

    book: InquiryBook
    animals: Animals
    ingest: Ingest
    outbox: Outbox
    rate: AddressRate
    url: str
    language: str
    days: int
    is_open: bool
    now: Callable[[], int]

    async def send(
        self,
        draft: InquiryDraft,
        visitor: Visitor,
        recommendation_id: str | None = None,
        language: str = "",
    ) -> tuple[Inquiry, bool]:
        """Store an inquiry and return it, and whether it is new.

        The visitor is answered in `language`, that of the page; in the shelter's if it is unknown.
        The same one again changes nothing, so who got no answer may send it again. NotFound or
        Conflict if it is about no animal that is here.
        """
        inquiry, is_new = await run_in_threadpool(self._store, draft, visitor, language)
        # Once for each visitor and animal, however often they write.
        once = _digest(*inquiry.visitor, inquiry.animal_id)
        event = {
            "eventId": f"inquiry-{once}",
            "eventType": INQUIRY_EVENT,
            "animal_id": inquiry.animal_id,
            "userId": inquiry.user_id,
            "sessionId": inquiry.session_id,
            "recommendationId": recommendation_id,
        }
        receipt = await self.ingest.accept(unpack(msgspec.json.encode(event)), self.now())
        for refused in receipt.rejected:
            raise InvalidInput(refused.message, field=refused.field)
        return inquiry, is_new

    def _store(self, draft: InquiryDraft, visitor: Visitor, language: str) -> tuple[Inquiry, bool]:
        if not self.is_open:
            raise NotFound("no inquiries are taken here: set inquiries to true to take them")
        animal, now = self.animals.get(draft.animal_id), self.now()
        name = animal_name(animal, draft.animal_id)
        if animal is None:
            raise NotFound(f"there is no animal {name}: choose one from the list")
        if animal.status in _GONE:
            raise Conflict(f"{name} is not here any more: choose an animal that waits")
        who = [visitor.user_id or "", visitor.session_id or ""]
        inquiry = Inquiry(
            _digest(draft.animal_id, *who, draft.name, draft.contact, draft.message),
            draft.animal_id,
            name,
            draft.name,
            draft.contact,
            draft.message,
            visitor.session_id or "",
            visitor.user_id,
            now,
        )
        # Read before the transaction, which is a lock.
        deliveries = list(self._deliveries(inquiry, draft.mail, language))
        return inquiry, self.book.add(inquiry, deliveries)

    def _deliveries(self, inquiry: Inquiry, mail: str, language: str) -> Iterator[Delivery]:
        page = with_query(INBOX, {"animalId": inquiry.animal_id})
        url = {"url": f"{self.url}{page}"} if self.url else {}
        plain, name = language_of(choose(self.language)).plain, inquiry.animal
        lines = [
            plain("mail.who", name=inquiry.name),
            plain("mail.contact", contact=inquiry.contact),
            *(plain("mail.inbox", link=one) for one in url.values()),
        ]
        details = {
            "animal": inquiry.animal,
            "animalId": inquiry.animal_id,
            "name": inquiry.name,
            "contact": inquiry.contact,
            "inquiryId": inquiry.inquiry_id,
        }
        news = Notification(
            news_id(inquiry.inquiry_id, "shelter"),
            NotificationKind.INQUIRY,
            plain("mail.inquiry", name=name),
            inquiry.message,
            inquiry.sent_at,
            details=details | url,
            mail="\n".join([inquiry.message, "", *lines, ""]),
            reply_to=mail,
        )
        yield from self.outbox.make_deliveries(news)
        if mail and "email" in self.outbox.names(NotificationKind.INQUIRY_RECEIVED):
            # Nothing in it was written by whoever sent the form: it may be another's address.
            plain = language_of(choose(language, self.language)).plain
            text = f"{plain('mail.reached', name=name)}\n\n{plain('mail.not_you')}"
            answer = Notification(
                news_id(inquiry.inquiry_id, "visitor"),
                NotificationKind.INQUIRY_RECEIVED,
                plain("mail.received", name=name),
                text,
                inquiry.sent_at,
                mail=f"{text}\n",
                recipient=mail,
            )
            yield Delivery(answer, "email")


def animal_name(animal: Animal | None, animal_id: str) -> str:
    """Return an animal's name, or its id where it has none."""
    return (animal.name if animal else "") or animal_id


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@contextmanager
def started(adapters: "Adapters", services: "Services") -> Iterator[Inquiring]:
    """Yield what operations and pages share."""
    settings = adapters.settings
    own = settings.part(InquirySettings)
    yield Inquiring(
        InquiryBook(adapters.database),
        adapters.animals,
        services.ingest,
        adapters.outbox,
        AddressRate(f"{own.inquiries_per_hour}/hour", clock.real_now),
        settings.public_url.rstrip("/"),
        settings.language,
        own.inquiry_days,
        takes_inquiries(settings),
        clock.now,
    )


def upkeep(
    adapters: "Adapters", _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what forgets old inquiries."""
    yield "forget old inquiries", partial(_forget_old, adapters.settings, adapters)


def _forget_old(settings: "Settings", adapters: "Adapters", now: int) -> None:
    if days := settings.part(InquirySettings).inquiry_days:
        InquiryBook(adapters.database).forget(now - days * DAY)
