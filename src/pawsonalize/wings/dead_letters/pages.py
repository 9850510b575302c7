"""Dead letters: looked at, mended, taken in again and removed."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
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
from pawsonalize.wings.dead_letters.composition import letters_of
from pawsonalize.wings.dead_letters.dead_letters import DeadLetters, LetterQuery
from pawsonalize.wings.dead_letters.endpoints import replay_of
from pawsonalize.wings.dead_letters.letter_replay import LetterReceipt, LetterReplay
from pawsonalize.wings.dead_letters.letters import DeadLetter, Mentions

DATA = "/console/data"
HERE = f"{DATA}/letters"
_REPLAY, _REMOVE, _MEND = f"{HERE}/replay", f"{HERE}/remove", f"{HERE}/mend"
_AT_ONCE = 25
_LOOKED_AT, _READ_AT_ONCE, _NAMED = 2_000, 500, 20
_MOST_SHOWN = 16_000  # characters of a letter: what is longer is no event that one mends by hand
_MOST_FORM_BYTES = 6 * _MOST_SHOWN


def find_letters(query: views.ViewQuery, text: str) -> Iterator[Hit]:
    """Yield the letter of an id."""
    with suppress(NotFound):
        letter = _letters(query).get(text)
        yield Hit("dead letter", text, f"{HERE}/{quote(text, safe='')}", letter.message)


def _letters(query: views.ViewQuery) -> DeadLetters:
    replay: LetterReplay = query.wings["dead_letters"]
    return replay.letters


def get_letter_page(request: Request, caller: Caller) -> Response:
    """One letter, with a form to mend it."""
    letter = replay_of(request).letters.get(request.path_params["letter_id"])
    return _letter_page(request, caller, letter)


async def mend(request: Request, caller: Caller) -> views.Done | Response:
    """Show whether a mended letter could be taken, and ask; or store it."""
    replay, fields = replay_of(request), await fields_of(request, _MOST_FORM_BYTES)
    letter = await run_in_threadpool(replay.letters.get, fields.get("letterId", ""))
    # Browsers send `\r\n` at the end of each line, whatever they were given.
    mended = fields.get("raw", "").replace("\r\n", "\n").encode("utf-8", "replace")
    if fields.get("sure") != "yes":
        return await run_in_threadpool(_confirmation, request, caller, letter, mended)
    await run_in_threadpool(replay.mend, letter.letter_id, mended)
    page = f"{HERE}/{letter.letter_id}"
    return views.Done(page, "The letter is mended. Now take it in.", letter.letter_id)


def _confirmation(request: Request, caller: Caller, letter: DeadLetter, mended: bytes) -> Response:
    left = replay_of(request).check(replace(letter, mended=mended))
    problem = left[0].message if left else ""
    return _letter_page(request, caller, letter, mended, problem, is_confirming=not problem)


def _letter_page(
    request: Request,
    caller: Caller,
    letter: DeadLetter,
    mended: bytes | None = None,
    problem: str = "",
    *,
    is_confirming: bool = False,
) -> Response:
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
        is_confirming=is_confirming,
        can_mend=text is not None and len(text) <= _MOST_SHOWN,
        most=_MOST_SHOWN,
    )


def ask_replay(query: views.ViewQuery) -> views.Confirmation:
    """Show which letters will be taken in."""
    which, count = _which(query)
    title = "Take dead letters in again" if count != 1 else "Take this dead letter in again"
    effects = (
        f"{which}: {count:,} as of now, at most 1,000 at a time, oldest first.",
        "Events that can be taken now are stored, and count in the very next answer.",
        "What still cannot be taken stays here, with its new reason.",
    )
    return views.Confirmation(title, effects, "Take in", HERE, query.parameters)


def do_replay(query: views.ViewQuery) -> views.Done:
    """Take them in."""
    replay: LetterReplay = query.wings["dead_letters"]
    letter_id, more = query.text("letterId"), ""
    if letter_id:
        receipts = list(replay.replay([replay.letters.get(letter_id)]))
    else:
        receipts, last = replay.replay_matching(_selected(query))
        more = " There are more: take them in as well." if last is not None else ""
    found = LetterReceipt.sum(receipts)
    known = f" Stored before: {found.duplicates:,}." if found.duplicates else ""
    left = f"Letters left: {len(found.left):,}.{more}"
    return views.Done(HERE, f"Events stored: {found.accepted:,}.{known} {left}", letter_id or None)


def ask_remove(query: views.ViewQuery) -> views.Confirmation:
    """Show which letters will be removed."""
    which, count = _which(query)
    title = "Remove dead letters" if count != 1 else "Remove this dead letter"
    effects = (
        f"{which}: {count:,} as of now.",
        "Their events are not stored, and nobody can take them in here any more.",
        "The archive keeps its copy for as long as the setting dead_letter_days says.",
    )
    return views.Confirmation(title, effects, "Remove", HERE, query.parameters)


def do_remove(query: views.ViewQuery) -> views.Done:
    """Remove them."""
    letters = _letters(query)
    if letter_id := query.text("letterId"):
        letters.get(letter_id)
        letters.remove([letter_id])
        return views.Done(HERE, "Letters removed: 1.", letter_id)
    removed = letters.remove_matching(_selected(query))
    return views.Done(HERE, f"Letters removed: {removed:,}.")


def _which(query: views.ViewQuery) -> tuple[str, int]:
    if letter_id := query.text("letterId"):
        letter = _letters(query).get(letter_id)
        return f"The letter of {letter.source}, refused as {letter.code}", 1
    chosen = _selected(query)
    count = sum(one.count for one in _letters(query).reasons(chosen))
    of_code = "All letters" if chosen.code is None else f"All letters refused as {chosen.code}"
    return of_code if chosen.source is None else f"{of_code} from {chosen.source}", count


def _selected(query: views.ViewQuery) -> LetterQuery:
    chosen = _chosen(query)
    if chosen.code is None and chosen.source is None and query.text("all") != "yes":
        raise InvalidInput("say which letters: go back, and choose a reason")
    return chosen


def _chosen(query: views.ViewQuery) -> LetterQuery:
    values = filled(query.parameters)
    return LetterQuery(code=read_text(values, "code"), source=read_text(values, "source"))


def _text(data: bytes) -> str | None:
    with suppress(UnicodeDecodeError):
        return data.decode()
    return None


class NamedLetters:
    """The letters of a dataset group, for reports of the console."""

    def __init__(self, adapters: Adapters) -> None:
        self._letters = letters_of(adapters)

    def naming(self, ids: Sequence[str], group: str) -> list[RefusedEvent]:
        """Return the newest that name one of the ids, of the newest 2,000."""
        mentions, query = Mentions(ids), LetterQuery(dataset_group=group)
        found: list[RefusedEvent] = []
        cursor, seen = None, 0
        while seen < _LOOKED_AT and len(found) < _NAMED:
            page = self._letters.page(_READ_AT_ONCE, query, cursor)
            found += (
                report_of(RefusedEvent, one, at=iso(one.at))
                for one in page.letters
                if mentions.among(one.raw, one.mended)
            )
            seen, cursor = seen + len(page.letters), page.next_cursor
            if cursor is None:
                break
        return found[:_NAMED]

    def reasons(self, group: str) -> list[LetterReason]:
        """Count them by source and reason."""
        found = self._letters.reasons(LetterQuery(dataset_group=group))
        return [report_of(LetterReason, one, letters=one.count) for one in found]


PAGES = (
    Link("Dead letters", HERE, tab_of=DATA, place=3),
    views.View(
        page=HERE,
        template="dead_letters/letters.html",
        read=lambda query: _letters(query).page(
            _AT_ONCE, _chosen(query), query.parameters.get("cursor")
        ),
        content=lambda query, _page: {"reasons": _letters(query).reasons()},
    ),
    views.PageAction(_REPLAY, ask_replay, do_replay),
    views.PageAction(_REMOVE, ask_remove, do_remove),
    Route(_MEND, partial(views.perform, act=mend), methods=["POST"]),
    Route(f"{HERE}/{{letter_id}}", guarded(get_letter_page)),
    Finder(find_letters),
)
