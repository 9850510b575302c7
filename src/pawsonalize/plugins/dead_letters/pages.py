"""Dead letters for operators: /v1/dead-letters, and pages of the console with the same."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.pages import views
from pawsonalize.app.pages.finding import Finder, Hit
from pawsonalize.app.pages.reports import LetterReason, RefusedEvent
from pawsonalize.app.pages.shell import Link, guarded, shown
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.forms.decoder import Form
from pawsonalize.core.http.json import filled, read_count, read_form, read_text, report_of
from pawsonalize.core.http.operation import Operations, RequestParameter
from pawsonalize.core.scopes import OPERATOR
from pawsonalize.core.times import iso, parse_moment
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.dead_letters.keeping import MOST_AT_ONCE, Replay, ReplayedLetters
from pawsonalize.plugins.dead_letters.letters import (
    DeadLetter,
    DeadLetterQuery,
    DeadLetters,
    Letter,
    Mentions,
)
from pawsonalize.site.forms import fields_of

DATA = "/console/data"
HERE = f"{DATA}/letters"
_AT_ONCE = 25
_LOOKED_AT, _NAMED = 2_000, 20
_MOST_SHOWN = 16_000  # characters of a letter: what is longer is no event that one mends by hand
_MOST_FORM_BYTES = 6 * _MOST_SHOWN


class LetterList(msgspec.Struct, frozen=True, rename="camel"):
    """Dead letters, newest first; `nextCursor` fetches the next page and is null on the last."""

    letters: list[Letter]
    next_cursor: str | None


class MendRequest(Form, frozen=True, rename="camel"):
    """The text to take in the dead letter's place: `raw`, or the same in base64.

    It is refused if it cannot be taken either, unless you `force` it.
    """

    raw: str | None = None
    raw_base64: bytes | None = None
    force: bool = False


class LetterReplayRequest(Form, frozen=True, rename="camel"):
    """Dead letters by their ids, or those of a `code` and a `source`; `all`, if you say so."""

    letter_ids: Annotated[list[str], Meta(min_length=1, max_length=MOST_AT_ONCE)] | None = None
    code: str | None = None
    source: str | None = None
    all: bool = False
    cursor: str | None = None


OPERATIONS = Operations(OPERATOR)
_LETTER = RequestParameter("letterId", "The dead letter.", where="path", required=True)


@OPERATIONS.add(
    "GET",
    "/v1/dead-letters",
    parameters=(
        RequestParameter("limit", "How many, 1 to 500; 50 if left out.", int),
        RequestParameter("cursor", "The `nextCursor` of the page before."),
        RequestParameter("code", "Only what was refused for this reason."),
        RequestParameter("source", "Only what came from there: `http`, or a stream's URL."),
        RequestParameter("since", "Only what came in at or after this moment."),
        RequestParameter("until", "Only what came in before this moment."),
    ),
)
async def get_dead_letters(request: Request) -> LetterList:
    """Refused events and records, newest first, with their reasons."""
    given = request.query_params
    limit = read_count(given, "limit", 50, 1, 500)
    since = parse_moment(given["since"], "since") if "since" in given else None
    until = parse_moment(given["until"], "until") if "until" in given else None
    query = DeadLetterQuery(given.get("code"), given.get("source"), since, until)
    find = _replay(request).letters.page
    page = await services_of(request).read(find, limit, query, given.get("cursor"))
    return LetterList(list(map(Letter.of, page.letters)), page.next_cursor)


@OPERATIONS.add(
    "POST",
    "/v1/dead-letters/replay",
    request=LetterReplayRequest,
    examples={"all": {"all": True}, "of a reason": {"code": "invalid_input", "source": "http"}},
)
async def post_replay(request: Request) -> ReplayedLetters:
    """Take dead letters in again, as they are mended; what is taken is one no more."""
    form = await read_form(request, LetterReplayRequest)
    query = DeadLetterQuery(form.code, form.source, letter_ids=form.letter_ids)
    query.checked(everything=form.all)
    if query.letter_ids and form.cursor is not None:
        raise InvalidInput("letterIds say it all: leave the cursor out", field="letterIds")
    return await run_in_threadpool(_replay(request).replay, query, form.cursor)


@OPERATIONS.add("GET", "/v1/dead-letters/{letter_id}", parameters=(_LETTER,))
async def get_dead_letter(request: Request) -> Letter:
    """One dead letter."""
    return Letter.of(await _letter_of(request))


@OPERATIONS.add(
    "PUT",
    "/v1/dead-letters/{letter_id}",
    request=MendRequest,
    parameters=(_LETTER,),
    examples={"an event": {"raw": '{"sessionId": "s1", "eventType": "view", "animal_id": "a-7"}'}},
)
async def put_dead_letter(request: Request) -> Letter:
    """Mend a dead letter: what came in stays beside it. 400 if that cannot be taken either."""
    form = await read_form(request, MendRequest)
    if (form.raw is None) is (form.raw_base64 is None):
        raise InvalidInput("send either raw or rawBase64", field="raw")
    mended = form.raw_base64 or b"" if form.raw is None else form.raw.encode()
    mend = partial(_replay(request).mend, force=form.force)
    return Letter.of(await run_in_threadpool(mend, request.path_params["letter_id"], mended))


@OPERATIONS.add("DELETE", "/v1/dead-letters/{letter_id}", parameters=(_LETTER,))
async def delete_dead_letter(request: Request) -> Letter:
    """Remove a dead letter; the archive keeps its copy for `dead_letter_days`."""
    letter, remove = await _letter_of(request), _replay(request).letters.remove
    await run_in_threadpool(remove, DeadLetterQuery(letter_ids=[letter.letter_id]))
    return Letter.of(letter)


async def _letter_of(request: Request) -> DeadLetter:
    find = _replay(request).letters.get
    return await services_of(request).read(find, request.path_params["letter_id"])


def _replay(shared: Request | views.ViewQuery) -> Replay:
    plugins = shared.app.state.plugins if isinstance(shared, Request) else shared.plugins
    replay: Replay = plugins["dead_letters"]
    return replay


def _find(query: views.ViewQuery, text: str) -> Iterator[Hit]:
    with suppress(NotFound):
        letter = _replay(query).letters.get(text)
        yield Hit("dead letter", text, f"{HERE}/{quote(text, safe='')}", letter.message)


def _letter_page(
    request: Request,
    caller: Caller,
    letter: DeadLetter | None = None,
    mended: bytes | None = None,
    problem: str | None = None,
) -> Response:
    """Show a dead letter with a form to mend it, or what was tried and why that is refused."""
    if letter is None:
        letter = _replay(request).letters.get(request.path_params["letter_id"])
    text = _text(letter.newest if mended is None else mended)
    return shown(
        request,
        caller,
        "dead_letters/letter.html",
        tabs=views.tabs_of(HERE),
        tab=HERE,
        letter=letter,
        raw=_text(letter.raw),
        text=text,
        problem=problem,
        can_mend=text is not None and len(text) <= _MOST_SHOWN,
        most=_MOST_SHOWN,
    )


def _text(data: bytes) -> str | None:
    with suppress(UnicodeDecodeError):
        return data.decode()
    return None


async def _mend(request: Request, caller: Caller) -> views.Done | Response:
    """Mend a dead letter, or show why that could not be taken either."""
    fields, replay = await fields_of(request, _MOST_FORM_BYTES), _replay(request)
    letter = await run_in_threadpool(replay.letters.get, fields.get("letterId", ""))
    # Browsers send `\r\n` at the end of each line, whatever they were given.
    mended = fields.get("raw", "").replace("\r\n", "\n").encode("utf-8", "replace")
    try:
        await run_in_threadpool(replay.mend, letter.letter_id, mended)
    except InvalidInput as error:
        return _letter_page(request, caller, letter, mended, error.message)
    page = f"{HERE}/{letter.letter_id}"
    return views.Done(page, "The dead letter is mended. Now take it in.", letter.letter_id)


def _confirmation(
    title: str, button: str, limits: str, *effects: str
) -> Callable[[views.ViewQuery], views.Confirmation]:
    """Return what asks whether to do something to the letters that are chosen."""

    def ask(query: views.ViewQuery) -> views.Confirmation:
        chosen = _selected(query)
        reasons = _replay(query).letters.reasons(chosen)
        count = sum(reason.count for reason in reasons)
        which = "All letters" if chosen.code is None else f"All letters refused as {chosen.code}"
        if chosen.letter_ids and reasons:
            which = f"The letter of {reasons[0].source}, refused as {reasons[0].code}"
        elif chosen.source is not None:
            which += f" from {chosen.source}"
        return views.Confirmation(
            title.format("dead letters" if count != 1 else "this dead letter"),
            (f"{which}: {count:,} as of now{limits}.", *effects),
            button,
            HERE,
            query.parameters,
        )

    return ask


def _take_in(query: views.ViewQuery) -> views.Done:
    result = _replay(query).replay(_selected(query))
    more = " There are more: take them in as well." if result.next_cursor is not None else ""
    known = f" Stored before: {result.duplicates:,}." if result.duplicates else ""
    left = f"Letters left: {len(result.left):,}.{more}"
    notice = f"Events stored: {result.accepted:,}.{known} {left}"
    return views.Done(HERE, notice, query.text("letterId") or None)


def _remove(query: views.ViewQuery) -> views.Done:
    removed = _replay(query).letters.remove(_selected(query))
    return views.Done(HERE, f"Letters removed: {removed:,}.", query.text("letterId") or None)


def _selected(query: views.ViewQuery) -> DeadLetterQuery:
    chosen, letter_id = _of_reason(query), query.text("letterId")
    if letter_id:
        _replay(query).letters.get(letter_id)
        chosen = replace(chosen, letter_ids=[letter_id])
    return chosen.checked(everything=query.text("all") == "yes")


def _of_reason(query: views.ViewQuery) -> DeadLetterQuery:
    values = filled(query.parameters)
    return DeadLetterQuery(read_text(values, "code"), read_text(values, "source"))


class NamedDeadLetters:
    """The letters of a dataset group, for reports of the console."""

    def __init__(self, adapters: Adapters) -> None:
        self._letters = DeadLetters(adapters.database)

    def naming(self, ids: Sequence[str], group: str) -> list[RefusedEvent]:
        """Return the newest that name one of the ids, of the newest 2,000."""
        mentions = Mentions(ids)
        newest = islice(self._letters.each(DeadLetterQuery(dataset_group=group)), _LOOKED_AT)
        found = (letter for letter in newest if mentions.among(letter.raw, letter.mended))
        shown = islice(found, _NAMED)
        return [report_of(RefusedEvent, letter, at=iso(letter.at)) for letter in shown]

    def reasons(self, group: str) -> list[LetterReason]:
        """Count them by source and reason."""
        found = self._letters.reasons(DeadLetterQuery(dataset_group=group))
        return [report_of(LetterReason, reason, letters=reason.count) for reason in found]


PAGES = (
    Link("Dead letters", HERE, tab_of=DATA, place=3),
    views.View(
        page=HERE,
        template="dead_letters/letters.html",
        read=lambda query: _replay(query).letters.page(
            _AT_ONCE, _of_reason(query), query.parameters.get("cursor")
        ),
        content=lambda query, _page: {"reasons": _replay(query).letters.reasons()},
    ),
    views.PageAction(
        f"{HERE}/replay",
        _confirmation(
            "Take {} in again",
            "Take in",
            ", at most 1,000 at a time, oldest first",
            "Events that can be taken now are stored, and count in the very next answer.",
            "What still cannot be taken stays here, with its new reason.",
        ),
        _take_in,
    ),
    views.PageAction(
        f"{HERE}/remove",
        _confirmation(
            "Remove {}",
            "Remove",
            "",
            "Their events are not stored, and nobody can take them in here any more.",
            "The archive keeps its copy for as long as the setting dead_letter_days says.",
        ),
        _remove,
    ),
    Route(f"{HERE}/mend", partial(views.perform, act=_mend), methods=["POST"]),
    Route(f"{HERE}/{{letter_id}}", guarded(_letter_page)),
    Finder(_find),
)
