"""Inquiries in each database: kept for their time, and gone with the visitor."""

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, SESSION, USER, visitor_digest
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.work.problems import Deliveries, Delivery
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.erasure.tables import ErasedNames, Erasure, VisitorRows
from pawsonalize.plugins.inquiries.book import Inquiry, InquiryBook, news_id

NOW = 1_795_000_000_000


@pytest.fixture
def book(database: Database) -> InquiryBook:
    book = InquiryBook(database)
    for n, user in enumerate(("ann", None, "bob")):
        inquiry_id = f"{n:032}"
        one = Inquiry(inquiry_id, "x", "Nina", "A", "a@b.example", "May I?", f"s{n}", user, NOW + n)
        news = Notification(
            news_id(inquiry_id, "shelter"), NotificationKind.INQUIRY, "S", "T", NOW + n
        )
        assert book.add(one, [Delivery(news, "email")])
        assert not book.add(one, [Delivery(news, "webhook")])
    return book


def left(book: InquiryBook, database: Database) -> tuple[list[str], int]:
    """Sessions whose inquiries are kept, and how many messages are."""
    deliveries = Deliveries(WorkTable(database)).newest(9)
    return [one.session_id for one in book.newest(9)], len(deliveries)


def test_an_erasure_takes_the_inquiries_of_a_visitor_and_nothing_of_others(
    book: InquiryBook, database: Database
) -> None:
    rows = VisitorRows(database)
    known = [(SESSION, "s1"), (USER, "ann"), (USER, "bob")]
    digests = {visitor_digest(*one) for one in known}
    assert [one[:2] for one in rows.find(DEFAULT_DATASET_GROUP, digests)] == known
    erasure = Erasure("e", DEFAULT_DATASET_GROUP, NOW + 9, 0)
    rows.erase(erasure, ErasedNames(("ann",), ("s1", "s2")))
    assert left(book, database) == (["s2"], 1), "what a user wrote is the user's"


def test_old_inquiries_are_forgotten_with_the_messages_that_told_of_them(
    book: InquiryBook, database: Database
) -> None:
    book.forget(NOW + 2)
    assert left(book, database) == (["s2"], 1)
