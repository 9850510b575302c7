"""Frame of the pages for operators: access, navigation, notices, errors, and tables."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from markupsafe import Markup, escape
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pawsonalize.app.pages.period import NAMES, keep_period
from pawsonalize.core import errors
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.http.json import filled
from pawsonalize.core.plugin import added
from pawsonalize.core.scopes import CONTROL_PLANE, DESK, OPERATOR, Scope
from pawsonalize.operations.admission import Admission, Caller
from pawsonalize.operations.limits import Lane, check_reach
from pawsonalize.operations.services import services_of
from pawsonalize.site.rendering import animals_page, page, with_query

HOME = "/console"
TENANTS = "/tenants"
ANIMALS = "/console/animals"
TODAY = "/console/today"
"""The first page of who works at the desk."""
SIGN_IN = "/console/sign-in"
SIGNS_IN = CONTROL_PLANE | DESK
"""Scopes that open some page: the whole console, a shelter's desk, or the tenants alone."""
SESSION = "pawsonalize_console"
_NOTICE = "pawsonalize_notice"
_NOTICE_SECONDS = 60
SOON_SECONDS = 0.08
"""A page that takes longer is first announced, so that something is seen within 0.1 seconds."""
# The first class that fits counts.
_STATUS: tuple[tuple[type[errors.PawsonalizeError], int, str], ...] = (
    (errors.InvalidInput, 400, "That did not work"),
    (errors.Forbidden, 403, "This key does not open that"),
    (errors.NotFound, 404, "There is no such page"),
    (errors.Conflict, 409, "That cannot be done now"),
    (errors.TooManyRequests, 429, "Too many requests"),
    (errors.PawsonalizeError, 503, "Not right now"),
)


class Link(msgspec.Struct, frozen=True):
    """A link to a page: in the navigation, or among the tabs of the page `tab_of`."""

    name: str
    path: str
    tab_of: str = ""
    place: int = 0
    """Place in the navigation, or among the tabs; where several have the same, as declared."""
    count: Callable[[Mapping[str, Any]], int] | None = None
    """The number that waits there, of what plugins share; the navigation shows it."""
    allowed: frozenset[Scope] = OPERATOR
    """Scopes that see the link, which are those that open its page."""


@cache
def links(tab_of: str = "", scopes: frozenset[Scope] = OPERATOR) -> tuple[tuple[str, str], ...]:
    """Return the navigation, or the tabs of a page, for a key of these scopes: names and paths."""
    pages = (part for part in added("console_pages") if isinstance(part, Link))
    every = [link for link in pages if not link.allowed.isdisjoint(scopes)]
    own = sorted((link for link in every if link.tab_of == tab_of), key=lambda link: link.place)
    return tuple((link.name, link.path) for link in own)


def waiting_counts(plugins: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers that wait on pages of the navigation, by path; this reads tables."""
    every = [part for part in added("console_pages") if isinstance(part, Link)]
    return {link.path: link.count(plugins) for link in every if link.count is not None}


Endpoint = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Request, Caller], Response]


def guarded(
    answer: Answer,
    allowed: frozenset[Scope] = OPERATOR,
    report: Callable[[Request], object] | None = None,
    *,
    for_tenants: bool = False,
) -> Endpoint:
    """Return the endpoint of a page for who has signed in; others are sent to the form for that.

    A key of one dataset group opens that group's page alone, and is led there from the first page.
    A page that is `for_tenants` checks itself which group it shows, and waits for the group's turn.
    `report` is run before: it makes what takes long. The page finds it in `request.state.report`.
    A browser whose page is not made soon is shown that it is being made, and asks again by itself.
    """

    async def made(request: Request, caller: Caller) -> Response:
        services, tenants = services_of(request), request.app.state.tenants
        entered = None
        try:
            if (group := caller.dataset_group) is not None:
                entered = await tenants.enter(group, Lane.WORK, is_its_own=True)
            if report is not None:
                key = (report, request.url.path, request.url.query)
                request.state.report = await services.reports.share(key, partial(report, request))
            return await services.page_reads.make(answer, request, caller)
        except errors.PawsonalizeError as error:
            return failed(request, error, caller)
        finally:
            if entered is not None:
                entered.leave()

    async def endpoint(request: Request) -> Response:
        is_first = request.url.path == HOME
        caller = None
        try:
            caller = await caller_of(request, SIGNS_IN if is_first else allowed)
            group = caller.dataset_group
            if is_first and (group is not None or allowed.isdisjoint(caller.scopes)):
                is_desk = group is None and Scope.DESK in caller.scopes
                return RedirectResponse(TODAY if is_desk else TENANTS, 303)
            if not for_tenants:
                check_reach(group, None)
        except errors.PawsonalizeError as error:
            return failed(request, error, caller)
        return await _answer_soon(request, caller, partial(made, request, caller))

    return endpoint


async def _answer_soon(
    request: Request, caller: Caller, made: Callable[[], Awaitable[Response]]
) -> Response:
    """Return the page if it is ready soon, else one that says it is being made, and reloads."""
    # Programs ask once and wait.
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return await made()
    key = request.cookies.get(SESSION), str(request.url)
    response = await services_of(request).page_reads.within(SOON_SECONDS, key, made)
    if response is None:
        # The notice of what was done stays for the page itself.
        response = page("console/being_made.html", 202, notice="", **_frame(request, caller))
        response.headers["Refresh"] = "0"
    return response


def _frame(request: Request, caller: Caller) -> dict[str, object]:
    """Variables of a template for the navigation."""
    path, pages = request.url.path, links(scopes=caller.scopes)
    above = (link for _, link in pages if path == link or path.startswith(f"{link}/"))
    return {
        "pages": pages if caller.dataset_group is None else (),
        "is_operator": Scope.OPERATOR in caller.scopes,
        "current": max(above, key=len, default=""),
        "key_id": caller.key_id,
    }


def shown(
    request: Request,
    caller: Caller,
    template: str,
    status: int = 200,
    *,
    has_photos: bool = False,
    **content: object,
) -> Response:
    """Render a page with the navigation, and the notice of what was just done."""
    notice = unquote(request.cookies.get(_NOTICE, ""))
    content |= _frame(request, caller) | {"notice": notice}
    given = filled(request.query_params)
    # Photos of animals are where their shelters keep them.
    make = animals_page if has_photos else page
    response = make(template, status, **content, here=TablePage(request.url.path, given))
    # A page of an error leads away from what the address has.
    response.body = keep_period(bytes(response.body), given if status == 200 else {})
    response.headers["Content-Length"] = str(len(response.body))
    if notice:
        response.delete_cookie(_NOTICE)
    return response


def see(path: str, notice: str = "") -> Response:
    """Redirect to a page, which shows the notice once."""
    response = RedirectResponse(path, 303)
    if notice:
        # No link can make one: it is no part of an address.
        response.set_cookie(
            _NOTICE, quote(notice), max_age=_NOTICE_SECONDS, httponly=True, samesite="strict"
        )
    return response


async def caller_of(request: Request, allowed: frozenset[Scope]) -> Caller:
    """Return the caller; Unauthenticated without a session, Forbidden without a scope."""
    admission: Admission = request.app.state.admission
    return await run_in_threadpool(admission.of_session, request.cookies.get(SESSION), allowed)


def failed(
    request: Request, error: errors.PawsonalizeError, caller: Caller | None = None
) -> Response:
    """Return the page of an error; for Unauthenticated, redirect to the form to sign in."""
    if isinstance(error, errors.Unauthenticated):
        return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path, safe='')}", 303)
    status, title = next(
        (status, title) for kind, status, title in _STATUS if isinstance(error, kind)
    )
    template, who = "console/error.html", caller or Caller()
    # Without its host, the address of the form leads to this server in any case.
    form = "/" + "".join(request.headers.get("referer", "").split("/", 3)[3:])
    back = form if request.method == "POST" and form.startswith("/console") else None
    return shown(request, who, template, status, title=title, message=error.message, back=back)


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
        rows: Iterable[object],
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


def _value(row: object, key: str) -> Any:
    for part in key.split("."):
        row = getattr(row, part, None)
    return row


def _is_number(rows: Iterable[object], key: str) -> bool:
    values = (_value(row, key) for row in rows) if key else ()
    known = next((one for one in values if one is not None), None)
    return isinstance(known, int | float) and not isinstance(known, bool)


def _contains_words(row: object, keys: Iterable[str], words: Iterable[str]) -> bool:
    text = " ".join(_text(_value(row, key)) for key in keys).casefold()
    return all(word in text for word in words)


def _text(value: object) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def _ordered(rows: list[object], key: str, *, is_descending: bool) -> list[object]:
    """Return rows sorted by a value; those without it come last either way."""
    known = [(value, row) for row in rows if (value := _value(row, key)) is not None]
    if not all(isinstance(value, int | float) for value, _ in known):
        known = [(_text(value).casefold(), row) for value, row in known]
    ordered = sorted(known, key=lambda one: one[0], reverse=is_descending)
    return [row for _, row in ordered] + [row for row in rows if _value(row, key) is None]
