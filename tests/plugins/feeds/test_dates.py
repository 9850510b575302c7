"""Dates as shelters write them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.plugins.feeds.rows import DateOrder, Undecided, iso_date, order_of, settled

US, EU, ISO = DateOrder.US, DateOrder.EU, DateOrder.ISO


def test_dates_are_read_in_their_order(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, DateOrder, str]] = [
        ("2024-05-17", ISO, "2024-05-17"),
        ("2024/5/7", ISO, "2024-05-07"),
        ("20240517", ISO, "2024-05-17"),
        ("2024-05-17T09:30:00.000", ISO, "2024-05-17T09:30:00"),
        ("05/17/2024", US, "2024-05-17"),
        ("5/7/24", US, "2024-05-07"),
        ("5/7/24", EU, "2024-07-05"),
        ("7.5.1998", ISO, "1998-05-07"),
        ("7-5-98", EU, "1998-05-07"),
        ("05/17/2024 12:00:00 AM", US, "2024-05-17T00:00:00"),
        ("05/17/2024 3:15 pm", US, "2024-05-17T15:15:00"),
        ("17-May-2024", ISO, "2024-05-17"),
        ("17 May 24", ISO, "2024-05-17"),
        ("May 17, 2024", ISO, "2024-05-17"),
        ("2024 May 17", ISO, "2024 May 17"),
    ]
    for text, order, iso in cases:
        with subtests.test(text=text, order=order, iso=iso):
            assert iso_date(text, order) == iso


def test_what_is_no_date_stays_what_it_is(subtests: pytest.Subtests) -> None:
    for text in ["", "soon", "13/13/2024", "2024-02-30", "05/17/2024 25:00", "1"]:
        with subtests.test(text=text):
            assert iso_date(text, US) == text


def test_a_column_tells_its_order_by_its_days_above_12() -> None:
    assert order_of("X", ["01/02/2024", "01/13/2024"]) is US
    assert order_of("X", ["01/02/2024", "13/01/2024"]) is EU
    assert order_of("X", ["2024-01-13", "", "13.1.2024"]) is None
    assert order_of("X", ["13/01/2024", "01/13/2024", "01/14/2024"]) is US
    assert order_of("X", ["05/05/2024", "01/02/2024"]) == Undecided("X", "01/02/2024")


def test_a_column_that_does_not_tell_follows_the_files_others_or_somebody_says() -> None:
    doubtful = Undecided("X", "01/02/2024")
    assert settled([doubtful, US, None]) is US
    assert settled([None]) is ISO
    undecided: list[list[DateOrder | Undecided | None]] = [[doubtful], [doubtful, US, EU]]
    for orders in undecided:
        with pytest.raises(InvalidInput, match=r"X: 01/02/2024.*--dates us"):
            settled(orders)


@given(st.datetimes(), st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%m/%d/%Y %H:%M:%S"]))
def test_every_day_is_read_as_it_was_written(moment: datetime, form: str) -> None:
    moment = moment.replace(microsecond=0, year=max(moment.year, 1970))
    text = moment.strftime(form)
    order = US if form.startswith("%m") else ISO
    found = datetime.fromisoformat(iso_date(text, order))
    assert found == (moment if "%H" in form else moment.replace(hour=0, minute=0, second=0))


@given(st.text(max_size=20), st.sampled_from(list(DateOrder)))
def test_any_text_is_a_date_or_stays(text: str, order: DateOrder) -> None:
    found = iso_date(text, order)
    assert found == text or found[4] == "-"
