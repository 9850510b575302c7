"""/v1/dead-letters: what could not be taken; to be looked at, mended, replayed and removed."""

import base64
from collections.abc import Sequence
from functools import partial

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.access.services import services_of
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.decoder import Form
from pawsonalize.http.json import read_form, read_limit, report_of
from pawsonalize.http.operation import Operations, RequestParameter
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.dead_letters.dead_letters import (
    DeadLetters,
    LetterQuery,
    cursor_of,
    read_cursor,
)
from pawsonalize.wings.dead_letters.letter_replay import MOST_AT_ONCE, LetterReceipt, LetterReplay
from pawsonalize.wings.dead_letters.letters import DeadLetter, Letter, letter_answer

_DEFAULT_LIMIT = 50


class LetterList(msgspec.Struct, frozen=True, rename="camel"):
    """Letters, newest first; `nextCursor` fetches the next page and is null on the last."""

    letters: list[Letter]
    next_cursor: str | None


class MendRequest(Form, frozen=True, rename="camel"):
    """The text to take in the letter's place: `raw`, or the same in base64.

    It is refused if it cannot be taken either, unless you `force` it.
    """

    raw: str | None = None
    raw_base64: str | None = None
    force: bool = False


class LetterReplayRequest(Form, frozen=True, rename="camel"):
    """Letters by their ids, or those of a `code` and a `source`; `all`, if you say so."""

    letter_ids: list[str] | None = None
    code: str | None = None
    source: str | None = None
    all: bool = False
    cursor: str | None = None


class ReplayedLetters(LetterReceipt, frozen=True, rename="camel"):
    """Numbers of events that are stored now, or were before, and the letters that are left.

    At most 1,000 letters at a time, oldest first: go on with `nextCursor`, until it is null.
    """

    next_cursor: str | None


OPERATIONS = Operations(OPERATOR)
_LETTER = RequestParameter("letterId", "The letter.", where="path", required=True)


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
    services = services_of(request)
    given = request.query_params
    limit = read_limit(given.get("limit"), _DEFAULT_LIMIT)
    since = parse_moment(given["since"], "since") if "since" in given else None
    until = parse_moment(given["until"], "until") if "until" in given else None
    query = LetterQuery(given.get("code"), given.get("source"), since, until)
    page = await services.read(replay_of(request).letters.page, limit, query, given.get("cursor"))
    return LetterList(list(map(letter_answer, page.letters)), page.next_cursor)


@OPERATIONS.add(
    "POST",
    "/v1/dead-letters/replay",
    request=LetterReplayRequest,
    examples={"all": {"all": True}, "of a reason": {"code": "invalid_input", "source": "http"}},
)
async def post_replay(request: Request) -> ReplayedLetters:
    """Take letters in again, as they are mended; what is taken is a letter no more."""
    replay, form = replay_of(request), await read_form(request, LetterReplayRequest)
    if form.letter_ids is not None:
        letters = await services_of(request).read(_named, replay.letters, form)
        receipts = await run_in_threadpool(lambda: list(replay.replay(letters)))
        return _receipt(receipts, None)
    if form.code is None and form.source is None and not form.all:
        raise InvalidInput("say which letters: letterIds, code, source, or all", field="letterIds")
    query, after = LetterQuery(form.code, form.source), read_cursor(form.cursor)
    receipts, last = await run_in_threadpool(replay.replay_matching, query, after)
    return _receipt(receipts, cursor_of(last))


@OPERATIONS.add("GET", "/v1/dead-letters/{letter_id}", parameters=(_LETTER,))
async def get_dead_letter(request: Request) -> Letter:
    """One letter."""
    return letter_answer(await _letter_of(request))


@OPERATIONS.add(
    "PUT",
    "/v1/dead-letters/{letter_id}",
    request=MendRequest,
    parameters=(_LETTER,),
    examples={"an event": {"raw": '{"sessionId": "s1", "eventType": "view", "animal_id": "a-7"}'}},
)
async def put_dead_letter(request: Request) -> Letter:
    """Mend a letter: what came in stays beside it. 400 if that cannot be taken either."""
    form = await read_form(request, MendRequest)
    mend = partial(replay_of(request).mend, force=form.force)
    letter_id = request.path_params["letter_id"]
    return letter_answer(await run_in_threadpool(mend, letter_id, _bytes_of(form)))


@OPERATIONS.add("DELETE", "/v1/dead-letters/{letter_id}", parameters=(_LETTER,))
async def delete_dead_letter(request: Request) -> Letter:
    """Remove a letter; the archive keeps its copy for `dead_letter_days`."""
    letter = await _letter_of(request)
    await run_in_threadpool(replay_of(request).letters.remove, [letter.letter_id])
    return letter_answer(letter)


def _named(letters: DeadLetters, form: LetterReplayRequest) -> list[DeadLetter]:
    named = list(dict.fromkeys(form.letter_ids or ()))
    if not 1 <= len(named) <= MOST_AT_ONCE:
        text = f"name 1 to {MOST_AT_ONCE:,} letters, not {len(named):,}"
        raise InvalidInput(text, field="letterIds")
    if form.all or form.code is not None or form.source is not None or form.cursor is not None:
        raise InvalidInput("letterIds say it all: leave the other fields out", field="letterIds")
    return [letters.get(one) for one in named]


async def _letter_of(request: Request) -> DeadLetter:
    find = replay_of(request).letters.get
    return await services_of(request).read(find, request.path_params["letter_id"])


def replay_of(request: Request) -> LetterReplay:
    """Return the replay, which the wing shares while the server runs."""
    replay: LetterReplay = request.app.state.wings["dead_letters"]
    return replay


def _bytes_of(form: MendRequest) -> bytes:
    if (form.raw is None) is (form.raw_base64 is None):
        raise InvalidInput("send either raw or rawBase64", field="raw")
    if form.raw is not None:
        return form.raw.encode()
    try:
        return base64.b64decode(form.raw_base64 or "", validate=True)
    except ValueError as error:
        raise InvalidInput("rawBase64 is not base64", field="rawBase64") from error


def _receipt(receipts: Sequence[LetterReceipt], next_cursor: str | None) -> ReplayedLetters:
    return report_of(ReplayedLetters, LetterReceipt.sum(receipts), next_cursor=next_cursor)
