"""Tables of the console, which links sort and a form filters, so that no script is needed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from markupsafe import Markup, escape

from pawsonalize.app.pages.period import NAMES
from pawsonalize.core.errors import InvalidInput
from pawsonalize.site.rendering import with_query

_CELL = re.compile(r"<t([hd])(?=[ >])")
_FEW = 8  # rows: with fewer there is nothing to look for


class Head(msgspec.Struct, frozen=True):
    """The head of a column; `link` sorts by it, and is empty where nothing does."""

    text: str
    link: str
    sorted: str
    """`ascending` or `descending` where the table is sorted by it."""
    is_number: bool


class Table(msgspec.Struct, frozen=True):
    """Rows, sorted and filtered as the address says, the heads, and the form that filters."""

    name: str
    heads: list[Head]
    rows: list[Any]
    all_rows: int
    filter_name: str
    """The form's field; empty where there are too few rows for one."""
    filter_text: str
    kept: dict[str, str]
    """Other fields of the address, which the form sends along."""

    def labelled(self, cells: Markup) -> Markup:
        """Return the cells of a row, each with its head: on a phone a row is a card."""
        texts = iter(self.heads)

        def label(match: re.Match[str]) -> str:
            head = next(texts, None)
            return f'<t{match[1]} data-label="{escape(head.text if head else "")}"'

        return Markup(_CELL.sub(label, str(cells)))  # noqa: S704 - the cells are escaped already


class TablePage(msgspec.Struct, frozen=True):
    """The address of a page, by which its tables are sorted and filtered."""

    path: str
    given: Mapping[str, str]

    def table(
        self,
        name: str,
        rows: Iterable[Any],
        columns: Sequence[tuple[str, str]],
        orders: Sequence[str] | None = None,
    ) -> Table:
        """Return the rows sorted and filtered by `?sort=-NAME` and `?q=WORDS`.

        A column is the attribute that it is sorted by (dots lead on; empty: by nothing) and its
        head. A page with several tables names all but its first: `sort-NAME` and `q-NAME` are
        theirs. Where a database sorts and filters, `orders` are the values of `sort` that it knows,
        and the rows stay as they come.
        """
        found = list(rows)
        sort_name, filter_name = (f"{one}-{name}" if name else one for one in ("sort", "q"))
        sort, words = self.given.get(sort_name, ""), self.given.get(filter_name, "").strip()
        key = sort.removeprefix("-")
        known = [one for one, _ in columns if one]
        if orders is None and sort and key not in known:
            raise InvalidInput(
                f"{sort_name} must be one of {', '.join(known)} (or one with - in front), not"
                f" {sort[:40]!r}",
                field=sort_name,
            )
        numbers = {one for one, _ in columns if _is_number(found, one)}
        heads = [
            Head(
                head,
                self._link(sort_name, _next_order(one, sort, one in numbers, orders)),
                ("descending" if sort[0] == "-" else "ascending") if sort and key == one else "",
                one in numbers,
            )
            for one, head in columns
        ]
        total = len(found)
        if orders is None:
            if words:
                terms = words.casefold().split()
                found = [row for row in found if _contains_words(row, known, terms)]
            if sort:
                found = _ordered(found, key, is_descending=sort[0] == "-")
        is_filtered = orders is None and (total > _FEW or bool(words))
        left_out = {filter_name, "cursor", *NAMES}  # every form carries the time on by itself
        kept = {one: text for one, text in self.given.items() if one not in left_out}
        shown_name = filter_name if is_filtered else ""
        return Table(name, heads, found, total, shown_name, words, kept)

    def with_fields(self, **fields: str) -> str:
        """Return the link to the page with some fields changed, from the first row on."""
        return with_query(self.path, {**self.given, "cursor": "", **fields})

    def _link(self, name: str, order: str) -> str:
        return self.with_fields(**{name: order}) if order else ""


def _next_order(key: str, sort: str, is_number: bool, orders: Sequence[str] | None) -> str:
    """Return the order that a click on a head leads to; numbers begin with the highest."""
    first, second = (f"-{key}", key) if is_number else (key, f"-{key}")
    choices = [one for one in (first, second) if key and (orders is None or one in orders)]
    if not choices:
        return ""
    return choices[-1] if sort == choices[0] else choices[0]


def _value(row: Any, key: str) -> Any:
    for part in key.split("."):
        row = getattr(row, part, None)
    return row


def _is_number(rows: Iterable[Any], key: str) -> bool:
    values = (_value(row, key) for row in rows) if key else ()
    known = next((one for one in values if one is not None), None)
    return isinstance(known, int | float) and not isinstance(known, bool)


def _contains_words(row: Any, keys: Iterable[str], words: Iterable[str]) -> bool:
    text = " ".join(_text(_value(row, key)) for key in keys).casefold()
    return all(word in text for word in words)


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def _ordered(rows: list[Any], key: str, *, is_descending: bool) -> list[Any]:
    """Return rows sorted by a value; those without it come last either way."""
    known = [(value, row) for row in rows if (value := _value(row, key)) is not None]
    if not all(isinstance(value, int | float) for value, _ in known):
        known = [(_text(value).casefold(), row) for value, row in known]
    ordered = sorted(known, key=lambda one: one[0], reverse=is_descending)
    return [row for _, row in ordered] + [row for row in rows if _value(row, key) is None]
