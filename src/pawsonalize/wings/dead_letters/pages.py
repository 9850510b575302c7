"""Dead letters: looked at, mended, taken in again and removed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from urllib.parse import quote

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pawsonalize.access.admission import Caller
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import InvalidInput, NotFound
from pawsonalize.domain.times import iso
from pawsonalize.http.json import filled, read_text, report_of
from pawsonalize.pages import views
from pawsonalize.pages.finding import Finder, Hit
from pawsonalize.pages.reports import LetterReason, RefusedEvent
from pawsonalize.pages.shell import Link, guarded, shown
from pawsonalize.ui.endpoints import fields_of
from pawsonalize.wings.dead_letters.endpoints import replay_of
from pawsonalize.wings.dead_letters.letter_replay import LetterReplay
from pawsonalize.wings.dead_letters.letters import ALL, DeadLetter, DeadLetters, LetterQuery
from pawsonalize.wings.dead_letters.mentions import Mentions

DATA = "/console/data"
HERE = f"{DATA}/letters"
_AT_ONCE = 25
_LOOKED_AT, _NAMED = 2_000, 20
_MOST_SHOWN = 16_000  # characters of a letter: what is longer is no event that one mends by hand
_MOST_FORM_BYTES = 6 * _MOST_SHOWN


def _find(query: views.ViewQuery, text: str) -> Iterator[Hit]:
    with suppress(NotFound):
        letter = _replay(query).letters.get(text)
        yield Hit("dead letter", text, f"{HERE}/{quote(text, safe='')}", letter.message)


def _replay(query: views.ViewQuery) -> LetterReplay:
    replay: LetterReplay = query.wings["dead_letters"]
    return replay


def _letter_page(
    request: Request,
    caller: Caller,
    letter: DeadLetter | None = None,
    mended: bytes | None = None,
    problem: str | None = None,
) -> Response:
    """Show a letter, with a form to mend it; with what it is mended to, ask or say the problem."""
    if letter is None:
        letter = replay_of(request).letters.get(request.path_params["letter_id"])
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
        is_confirming=problem == "",
        can_mend=text is not None and len(text) <= _MOST_SHOWN,
        most=_MOST_SHOWN,
    )


def _text(data: bytes) -> str | None:
    with suppress(UnicodeDecodeError):
        return data.decode()
    return None


async def _mend(request: Request, caller: Caller) -> views.Done | Response:
    """Show whether a mended letter could be taken, and ask; or store it."""
    fields = await fields_of(request, _MOST_FORM_BYTES)
    return await run_in_threadpool(_mended, request, caller, fields)


def _mended(request: Request, caller: Caller, fields: views.Fields) -> views.Done | Response:
    replay = replay_of(request)
    letter = replay.letters.get(fields.get("letterId", ""))
    # Browsers send `\r\n` at the end of each line, whatever they were given.
    mended = fields.get("raw", "").replace("\r\n", "\n").encode("utf-8", "replace")
    if fields.get("sure") != "yes":
        left = replay.check(replace(letter, mended=mended))
        return _letter_page(request, caller, letter, mended, left[0].message if left else "")
    replay.mend(letter.letter_id, mended)
    page = f"{HERE}/{letter.letter_id}"
    return views.Done(page, "The letter is mended. Now take it in.", letter.letter_id)


def _confirmation(
    title: str, button: str, limits: str, *effects: str
) -> Callable[[views.ViewQuery], views.Confirmation]:
    """Return what asks whether to do something to the letters that are chosen."""

    def ask(query: views.ViewQuery) -> views.Confirmation:
        chosen = _selected(query)
        reasons = _replay(query).letters.reasons(chosen)
        count = sum(reason.count for reason in reasons)
        which = "All letters" if chosen.code is None else f"All letters refused as {chosen.code}"
        if chosen.letter_ids:
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


def _selected(query: views.ViewQuery) -> LetterQuery:
    if letter_id := query.text("letterId"):
        _replay(query).letters.get(letter_id)
        return LetterQuery(letter_ids=[letter_id])
    chosen = _chosen(query)
    if chosen == ALL and query.text("all") != "yes":
        raise InvalidInput("say which letters: go back, and choose a reason")
    return chosen


def _chosen(query: views.ViewQuery) -> LetterQuery:
    values = filled(query.parameters)
    return LetterQuery(code=read_text(values, "code"), source=read_text(values, "source"))


class NamedLetters:
    """The letters of a dataset group, for reports of the console."""

    def __init__(self, adapters: Adapters) -> None:
        self._letters = DeadLetters(adapters.database)

    def naming(self, ids: Sequence[str], group: str) -> list[RefusedEvent]:
        """Return the newest that name one of the ids, of the newest 2,000."""
        mentions = Mentions(ids)
        newest = islice(self._letters.each(LetterQuery(dataset_group=group)), _LOOKED_AT)
        found = (letter for letter in newest if mentions.among(letter.raw, letter.mended))
        shown = islice(found, _NAMED)
        return [report_of(RefusedEvent, letter, at=iso(letter.at)) for letter in shown]

    def reasons(self, group: str) -> list[LetterReason]:
        """Count them by source and reason."""
        found = self._letters.reasons(LetterQuery(dataset_group=group))
        return [report_of(LetterReason, reason, letters=reason.count) for reason in found]


PAGES = (
    Link("Dead letters", HERE, tab_of=DATA, place=3),
    views.View(
        page=HERE,
        template="dead_letters/letters.html",
        read=lambda query: _replay(query).letters.page(
            _AT_ONCE, _chosen(query), query.parameters.get("cursor")
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
