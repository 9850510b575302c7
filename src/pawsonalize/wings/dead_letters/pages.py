"""Dead letters: looked at, mended, taken in again and removed."""

from dataclasses import replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pawsonalize.access.admission import Caller
from pawsonalize.access.auditing import ANYBODY_CALLED, note
from pawsonalize.access.tenants import check_reach
from pawsonalize.domain.errors import InvalidInput, PawsonalizeError
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.storage.audit import AuditEntry
from pawsonalize.ui.rendering import with_query
from pawsonalize.wings.console.pages.actions import Confirmation, Done, Fields, action
from pawsonalize.wings.console.pages.sessions import fields_of
from pawsonalize.wings.console.pages.shell import Console, caller_of, failed, guarded, see, shown
from pawsonalize.wings.console.views.events import EventViews
from pawsonalize.wings.console.views.parameters import filled, read_text
from pawsonalize.wings.dead_letters.letter_table import LetterQuery
from pawsonalize.wings.dead_letters.letters import DeadLetter

DATA = "/console/data"
HERE = f"{DATA}/letters"
TABS = (
    ("Events", DATA),
    ("Quality", f"{DATA}/quality"),
    ("Dead letters", HERE),
    ("Archive", f"{DATA}/archive"),
)
_REPLAY, _REMOVE, _MEND = f"{HERE}/replay", f"{HERE}/remove", f"{HERE}/mend"
_AT_ONCE = 25
_MOST_SHOWN = 16_000  # characters of a letter: what is longer is no event that one mends by hand
_MOST_FORM_BYTES = 6 * _MOST_SHOWN


def get_letters_page(request: Request, caller: Caller) -> Response:
    """What waits, by its reason."""
    events, given = Console.of(request).views.events, filled(request.query_params)
    query = _query(given)
    page = events.letters.page(_AT_ONCE, query, given.get("cursor"))
    return shown(
        request,
        caller,
        "dead_letters/letters.html",
        tabs=TABS,
        tab=HERE,
        given=given,
        letters=page.letters,
        reasons=events.letters.reasons(LetterQuery()),
        older=None
        if page.next_cursor is None
        else with_query(HERE, {**given, "cursor": page.next_cursor}),
    )


def get_letter_page(request: Request, caller: Caller) -> Response:
    """One letter, with a form to mend it."""
    letter = Console.of(request).views.events.letters.get(request.path_params["letter_id"])
    return _letter_page(request, caller, letter)


async def post_mended(request: Request) -> Response:
    """Show whether a mended letter could be taken, and ask; or store it."""
    console, caller = Console.of(request), None
    try:
        caller = await caller_of(request, OPERATOR)
        check_reach(caller.dataset_group, None)
        fields = await fields_of(request, _MOST_FORM_BYTES)
        letter = await run_in_threadpool(
            console.views.events.letters.get, fields.get("letterId", "")
        )
        mended = fields.get("raw", "").replace("\r\n", "\n").encode("utf-8", "replace")
        if fields.get("sure") != "yes":
            return await run_in_threadpool(_asked, request, caller, letter, mended)
        await run_in_threadpool(console.views.events.replay.mend, letter.letter_id, mended)
    except PawsonalizeError as error:
        if caller is not None:
            await _note(console, caller, None, error.code)
        return failed(request, error, caller)
    await _note(console, caller, letter.letter_id, "done")
    return see(f"{HERE}/{letter.letter_id}", "The letter is mended. Now take it in.")


def _asked(request: Request, caller: Caller, letter: DeadLetter, mended: bytes) -> Response:
    """The page again: with what is wrong still, or with what will be stored."""
    left = Console.of(request).views.events.replay.check(replace(letter, mended=mended))
    problem = left[0].message if left else ""
    return _letter_page(request, caller, letter, mended, problem, is_asked=not problem)


def _letter_page(
    request: Request,
    caller: Caller,
    letter: DeadLetter,
    mended: bytes | None = None,
    problem: str = "",
    *,
    is_asked: bool = False,
) -> Response:
    text = _text(letter.newest if mended is None else mended)
    return shown(
        request,
        caller,
        "dead_letters/letter.html",
        tabs=TABS,
        tab=HERE,
        letter=letter,
        raw=_text(letter.raw),
        text=text,
        problem=problem,
        is_asked=is_asked,
        can_mend=text is not None and len(text) <= _MOST_SHOWN,
        most=_MOST_SHOWN,
    )


def ask_replay(console: Console, fields: Fields) -> Confirmation:
    """Say what will be taken in."""
    which, count = _which(console.views.events, fields)
    return Confirmation(
        title="Take dead letters in again" if count != 1 else "Take this dead letter in again",
        effects=(
            f"{which}: {count:,} as of now, at most 1,000 at a time, oldest first.",
            "Events that can be taken now are stored, and count in the very next answer.",
            "What still cannot be taken stays here, with its new reason.",
        ),
        button="Take in",
        back=HERE,
        fields=_chosen(fields),
    )


def do_replay(console: Console, fields: Fields) -> Done:
    """Take them in."""
    events = console.views.events
    target = None
    if letter_id := fields.get("letterId"):
        receipts, target = list(events.replay.replay([events.letters.get(letter_id)])), letter_id
        more = ""
    else:
        receipts, last = events.replay.replay_matching(_meant(fields))
        more = " There are more: take them in as well." if last is not None else ""
    accepted = sum(one.accepted for one in receipts)
    duplicates = sum(one.duplicates for one in receipts)
    left = sum(len(one.left) for one in receipts)
    known = f" Stored before: {duplicates:,}." if duplicates else ""
    said = f"Events stored: {accepted:,}.{known} Letters left: {left:,}.{more}"
    return Done(HERE, said, target)


def ask_remove(console: Console, fields: Fields) -> Confirmation:
    """Say what will be removed."""
    which, count = _which(console.views.events, fields)
    return Confirmation(
        title="Remove dead letters" if count != 1 else "Remove this dead letter",
        effects=(
            f"{which}: {count:,} as of now.",
            "Their events are not stored, and nobody can take them in here any more.",
            "The archive keeps its copy for as long as the setting dead_letter_days says.",
        ),
        button="Remove",
        back=HERE,
        fields=_chosen(fields),
    )


def do_remove(console: Console, fields: Fields) -> Done:
    """Remove them."""
    letters = console.views.events.letters
    if letter_id := fields.get("letterId"):
        letters.get(letter_id)
        letters.remove([letter_id])
        return Done(HERE, "Letters removed: 1.", letter_id)
    removed = letters.remove_matching(_meant(fields))
    return Done(HERE, f"Letters removed: {removed:,}.")


def _which(events: EventViews, fields: Fields) -> tuple[str, int]:
    """Which letters the fields mean, in words, and how many there are."""
    if letter_id := fields.get("letterId"):
        letter = events.letters.get(letter_id)
        return f"The letter of {letter.source}, refused as {letter.code}", 1
    query = _meant(fields)
    count = sum(one.count for one in events.letters.reasons(query))
    of_code = "All letters" if query.code is None else f"All letters refused as {query.code}"
    return of_code if query.source is None else f"{of_code} from {query.source}", count


def _meant(fields: Fields) -> LetterQuery:
    """Which letters an action is for; InvalidInput if that is all of them by mistake."""
    query = _query(fields)
    if query.code is None and query.source is None and fields.get("all") != "yes":
        raise InvalidInput("say which letters: go back, and choose a reason")
    return query


def _query(given: Fields) -> LetterQuery:
    told = filled(given)
    return LetterQuery(code=read_text(told, "code"), source=read_text(told, "source"))


def _chosen(fields: Fields) -> Fields:
    return {name: fields[name] for name in ("letterId", "code", "source", "all") if name in fields}


def _text(data: bytes) -> str | None:
    """As text; None for what is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


async def _note(console: Console, caller: Caller, target: str | None, outcome: str) -> None:
    who = caller.key_id or ANYBODY_CALLED
    await note(console.audit, AuditEntry(console.now(), who, f"POST {_MEND}", target, outcome))


def routes() -> list[BaseRoute]:
    """Where the pages are."""
    return [
        Route(HERE, guarded(get_letters_page)),
        *action(_REPLAY, ask_replay, do_replay),
        *action(_REMOVE, ask_remove, do_remove),
        Route(_MEND, post_mended, methods=["POST"]),
        Route(f"{HERE}/{{letter_id}}", guarded(get_letter_page)),
    ]
