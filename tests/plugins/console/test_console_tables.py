"""Tables and times of the console: rows and moments as an address asks for them."""

from typing import Any

import msgspec
import pytest
from markupsafe import Markup

from pawsonalize.app.pages.period import PagePeriod, keep_period
from pawsonalize.app.pages.shell import TablePage
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY, HOUR, parse_moment

NOW = parse_moment("2026-05-17T09:30:00Z", "now")
COLUMNS = (("name", "Name"), ("wait.days", "Waits"), ("", "Else"))


class Wait(msgspec.Struct, frozen=True):
    days: int


class Row(msgspec.Struct, frozen=True):
    name: str
    wait: Wait | None


ROWS = [Row("bo", Wait(3)), Row("Ada", None), Row("cy", Wait(20))]


def names(given: dict[str, str], name: str = "", rows: Any = ROWS, **more: Any) -> list[str]:
    return [
        row.name for row in TablePage("/console", given).table(name, rows, COLUMNS, **more).rows
    ]


def test_rows_come_by_the_column_that_the_address_names_and_unknown_values_last() -> None:
    assert names({}) == ["bo", "Ada", "cy"]
    assert names({"sort": "name"}) == ["Ada", "bo", "cy"]
    assert names({"sort": "-name"}) == ["cy", "bo", "Ada"]
    assert names({"sort": "wait.days"}) == ["bo", "cy", "Ada"]
    assert names({"sort": "-wait.days"}) == ["cy", "bo", "Ada"]
    assert names({"sort": "-name", "sort-two": "name"}, "two") == ["Ada", "bo", "cy"]
    assert names({"sort": "wait"}, orders=("wait",)) == ["bo", "Ada", "cy"], "a database sorted"


def test_a_column_that_there_is_not_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"sort must be one of name, wait\.days .*not 'age'"):
        names({"sort": "age"})


def test_rows_are_those_that_have_every_word_of_the_filter() -> None:
    rows = [Row(f"cat {n}", Wait(n)) for n in range(20)]
    assert names({"q": "CAT 7"}, rows=rows) == ["cat 7", "cat 17"]
    table = TablePage("/console", {"q": "7", "cursor": "x", "status": "any"}).table(
        "", rows, COLUMNS
    )
    assert (table.all_rows, table.filter_name, table.kept) == (20, "q", {"status": "any"})
    assert TablePage("/console", {}).table("", ROWS, COLUMNS).filter_name == ""


def test_a_head_leads_to_its_order_and_then_to_the_reverse() -> None:
    heads = TablePage("/console", {"period": "7d"}).table("", ROWS, COLUMNS).heads
    assert [one.link for one in heads] == [
        "/console?period=7d&sort=name", "/console?period=7d&sort=-wait.days", "",
    ]  # fmt: skip
    name, waits, _ = TablePage("/console", {"sort": "-wait.days"}).table("", ROWS, COLUMNS).heads
    assert (name.sorted, waits.sorted, waits.link) == (
        "", "descending", "/console?sort=wait.days",
    )  # fmt: skip


def test_cells_carry_their_heads_for_phones() -> None:
    table = TablePage("/console", {}).table("", ROWS, COLUMNS)
    cells = table.labelled(Markup('<th scope="row">bo</th><td>3</td><td></td>'))
    assert cells == (
        '<th data-label="Name" scope="row">bo</th><td data-label="Waits">3</td>'
        '<td data-label="Else"></td>'
    )


def test_a_time_is_hours_or_days_up_to_now_or_from_a_day_to_another() -> None:
    assert PagePeriod.of({}, NOW, "30d") == PagePeriod(NOW - 30 * DAY, NOW, "30d")
    assert PagePeriod.of({"period": "24h"}, NOW, "30d") == PagePeriod(NOW - 24 * HOUR, NOW, "24h")
    dates = PagePeriod.of({"from": "2026-05-01", "to": "2026-05-03"}, NOW, "30d")
    assert (dates.first_day, dates.last_day, dates.days) == ("2026-05-01", "2026-05-03", 3)
    today = PagePeriod.of({"from": "2026-05-16"}, NOW, "30d")
    assert (today.last_day, today.name) == ("2026-05-17", "")
    assert PagePeriod.of({"days": "90"}, NOW, "30d").name == "90d"
    assert PagePeriod.of({}, NOW, "180d").choices(("180d",))[-1] == ("180d", "180 days")


def test_a_time_that_cannot_be_meant_is_refused(subtests: pytest.Subtests) -> None:
    for given, reason in (
        ({"period": "soon"}, "period must be hours or days, such as 24h or 30d, not 'soon'"),
        ({"period": "0d"}, "not '0d'"),
        ({"from": "yesterday"}, "from must be a day"),
        ({"from": "2026-05-03", "to": "2026-05-01"}, "must lie before now"),
        ({"from": "2027-01-01"}, "must lie before now"),
        ({"from": "2026-01-01", "to": "9999-12-31"}, "to must be a day of 1990 to 2099"),
        ({"period": "7d", "from": "2026-05-03"}, "not both"),
    ):
        with subtests.test(given=given), pytest.raises(InvalidInput, match=reason):
            PagePeriod.of(given, NOW, "30d")


def test_links_and_forms_carry_the_time_on_once() -> None:
    page = (
        '<a href="/console/data?userId=x#now"><a href="/console?period=24h"><a href="/docs">'
        '<form method="get" action="/console/find"><form data-period method="get"'
        ' action="/console"><form method="post" action="/console/x">'
    )
    assert keep_period(page.encode(), {"period": '7"', "q": "z"}).decode() == (
        '<a href="/console/data?userId=x&amp;period=7%22#now"><a href="/console?period=24h">'
        '<a href="/docs"><form method="get" action="/console/find"><input type="hidden"'
        ' name="period" value="7&#34;"><form data-period method="get" action="/console">'
        '<form method="post" action="/console/x">'
    )
    assert keep_period(page.encode(), {"q": "z"}) == page.encode()
