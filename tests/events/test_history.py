"""History in pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.events.history import history_page, read_cursor
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import HistoryQuery, Position
from tests.event_data import event


def test_pages_end_exactly_where_the_events_do(log: EventLog) -> None:
    log.append([event(f"e{n}", at=n) for n in range(4)])
    whole = history_page(log, Visitor("ann"), HistoryQuery(limit=4))
    assert (len(whole.events), whole.next_cursor) == (4, None)
    first = history_page(log, Visitor("ann"), HistoryQuery(limit=3))
    assert first.events == whole.events[:3]
    assert first.next_cursor is not None
    rest = HistoryQuery(limit=3, before=read_cursor(first.next_cursor))
    assert history_page(log, Visitor("ann"), rest).events == whole.events[3:]


def test_a_visitor_without_events_has_an_empty_last_page(log: EventLog) -> None:
    page = history_page(log, Visitor("nobody"), HistoryQuery(limit=1))
    assert (page.events, page.next_cursor) == ((), None)


def test_events_of_one_moment_are_split_between_pages_without_loss(log: EventLog) -> None:
    log.append([event(f"e{n}") for n in range(7)])
    seen: list[str] = []
    query = HistoryQuery(limit=2)
    while True:
        page = history_page(log, Visitor("ann"), query)
        seen += [logged.event.event_id for logged in page.events]
        if page.next_cursor is None:
            break
        query = HistoryQuery(limit=2, before=read_cursor(page.next_cursor))
    assert seen == [f"e{n}" for n in reversed(range(7))]


@pytest.mark.parametrize("limit", [-1, 0, 501, 2**40])
def test_a_page_holds_1_to_500_events(log: EventLog, limit: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 500") as refusal:
        history_page(log, Visitor("ann"), HistoryQuery(limit=limit))
    assert refusal.value.field == "limit"


def test_a_cursor_of_another_make_is_refused(subtests: pytest.Subtests) -> None:
    for cursor in [
        "",
        ".",
        "1",
        "1.",
        ".1",
        "-1.1",
        "1.-1",
        "1.1.1",
        "1e3.1",
        " 1.1",
        "1.1\n",
        "9" * 16 + ".1",
    ]:
        with subtests.test(cursor=cursor):
            with pytest.raises(InvalidInput, match="leave it out") as refusal:
                read_cursor(cursor)
            assert refusal.value.field == "cursor"


def test_the_largest_cursor_fits_every_database(log: EventLog) -> None:
    query = HistoryQuery(limit=1, before=read_cursor("9" * 15 + "." + "9" * 18))
    assert history_page(log, Visitor("ann"), query).events == ()


@given(st.text())
def test_any_text_is_a_cursor_or_invalid_input(text: str) -> None:
    try:
        position = read_cursor(text)
    except InvalidInput:
        return
    assert isinstance(position, Position)
