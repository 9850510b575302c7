"""Inquiries as rows of the work table, each stored with its deliveries in one transaction."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Delete, delete, func, select, true, update

from pawsonalize.core.database.statements import in_parts, insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import work
from pawsonalize.core.errors import NotFound
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, SESSION, USER, visitor_digest
from pawsonalize.core.work.problems import Delivery, as_work
from pawsonalize.core.work.tables import Work
from pawsonalize.events.erasure.tables import ErasedNames, Erasure

INQUIRY = "inquiry"
_ROW = work.c


class InquiryState(StrEnum):
    """State of an inquiry in the inbox."""

    NEW = "new"
    ANSWERED = "answered"
    CLOSED = "closed"


class Inquiry(msgspec.Struct, frozen=True, rename="camel"):
    """A message of a visitor to the shelter, about one animal."""

    inquiry_id: str
    """Its id, the same if the same visitor sends the same message again."""
    animal_id: str
    animal: str
    """The animal's name at that time."""
    name: str
    """Name of the sender."""
    contact: str
    """The e-mail address or the telephone number that the shelter answers to."""
    message: str
    session_id: str
    user_id: str | None
    sent_at: int
    state: InquiryState = InquiryState.NEW

    @property
    def visitor(self) -> tuple[str, str]:
        """Kind and name of whom it belongs to: the user, or the session if there is none."""
        return (USER, self.user_id) if self.user_id is not None else (SESSION, self.session_id)


_DECODE = msgspec.json.Decoder(Inquiry).decode


class InquiryBook(TableAccess):
    """Stores inquiries, finds them, and forgets them."""

    def add(self, inquiry: Inquiry, deliveries: Iterable[Delivery]) -> bool:
        """Store an inquiry and what tells of it; False, and nothing is sent, if it was there."""
        payload = msgspec.json.encode(inquiry).decode()
        row = Work(
            name_of(inquiry.inquiry_id),
            INQUIRY,
            inquiry.animal_id,
            inquiry.state,
            payload,
            created_at=inquiry.sent_at,
        )
        with self._database.writing() as connection:
            is_new = insert_new(connection, work, [asdict(row)]) > 0
            if is_new and (rows := [asdict(as_work(one)) for one in deliveries]):
                insert_new(connection, work, rows)
        return is_new

    def newest(
        self, limit: int, state: InquiryState | None = None, animal_id: str | None = None
    ) -> list[Inquiry]:
        """Return inquiries, the newest first: all, of a state, or about an animal."""
        wanted = _ROW.kind == INQUIRY
        if state is not None:
            wanted &= _ROW.state == state
        if animal_id is not None:
            wanted &= _ROW.queue == animal_id
        return self._find(wanted, limit)

    def counts(self) -> dict[str, int]:
        """Count inquiries by state."""
        count = select(_ROW.state, func.count()).where(_ROW.kind == INQUIRY).group_by(_ROW.state)
        found = {row[0]: row[1] for row in self._rows(count)}
        return {state.value: found.get(state.value, 0) for state in InquiryState}

    def set_state(self, inquiry_id: str, state: InquiryState) -> Inquiry:
        """Change the state of an inquiry, and return it; NotFound if it was forgotten meanwhile."""
        mine = (_ROW.kind == INQUIRY) & (_ROW.name == name_of(inquiry_id))
        if not self._execute(update(work).where(mine).values(state=state)):
            raise NotFound("that inquiry is not kept any more: load the inbox again")
        return self._find(mine, 1)[0]

    def forget(self, before: int) -> None:
        """Delete inquiries that were sent before that moment, and the messages that told of them.

        A message may hold what the inquiry held, so it is not kept longer.
        """
        old = (_ROW.kind == INQUIRY) & (_ROW.created_at < before)
        names = self._scalars(select(_ROW.name).where(old))
        for deletion in _deletions([str(one).removeprefix(f"{INQUIRY}.") for one in names]):
            self._execute(deletion)

    def _find(self, which: ColumnElement[bool], limit: int) -> list[Inquiry]:
        newest = (_ROW.created_at.desc(), _ROW.name)
        found = select(_ROW.payload, _ROW.state).where(which).order_by(*newest).limit(limit)
        return [
            msgspec.structs.replace(_DECODE(payload), state=InquiryState(state))
            for payload, state in self._rows(found)
        ]


def name_of(inquiry_id: str) -> str:
    """Return the name of the row of an inquiry."""
    return f"{INQUIRY}.{inquiry_id}"


def news_id(inquiry_id: str, to: str) -> str:
    """Return the id of a notification about an inquiry, by which both are deleted together."""
    return f"{INQUIRY}-{inquiry_id}-{to}"


def _deletions(inquiry_ids: Sequence[str]) -> Iterator[Delete]:
    """Yield what deletes inquiries, and before them their messages, which are found by them."""
    for part in in_parts(inquiry_ids):
        prefixes = [f"delivery.{news_id(one, '')}" for one in part]
        yield delete(work).where(func.substr(_ROW.name, 1, len(prefixes[0])).in_(prefixes))
        yield delete(work).where(_ROW.name.in_([name_of(one) for one in part]))


class VisitorInquiries(TableAccess):
    """The inquiries of visitors, and the messages that tell of them."""

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """See `RowsOfPlugin.deletions`."""
        if DEFAULT_DATASET_GROUP not in groups:
            return
        erased = {(USER, one) for one in names.users} | {(SESSION, one) for one in names.sessions}
        until = _ROW.created_at <= erasure.noted_at
        mine = [one.inquiry_id for one in self._all(until) if one.visitor in erased]
        yield from _deletions(mine)

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """See `RowsOfPlugin.find`."""
        if DEFAULT_DATASET_GROUP not in groups:
            return set()
        named = {one.visitor for one in self._all(true())}
        found = ((kind, name, visitor_digest(kind, name)) for kind, name in named)
        return {one for one in found if one[2] in visitors}

    def _all(self, which: ColumnElement[bool]) -> list[Inquiry]:
        found = self._scalars(select(_ROW.payload).where(_ROW.kind == INQUIRY, which))
        return [_DECODE(one) for one in found]


VISITOR_ROWS = (VisitorInquiries,)
