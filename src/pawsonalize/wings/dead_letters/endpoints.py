"""/v1/dead-letters: what could not be taken; to be looked at, mended, replayed and removed."""

from functools import partial

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.access.services import services_of
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.limits import check_between
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.decoder import Form
from pawsonalize.http.json import read_form, read_limit
from pawsonalize.http.operation import Operations, RequestParameter
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.wings.dead_letters.letter_replay import (
    MOST_AT_ONCE,
    LetterReplay,
    ReplayedLetters,
)
from pawsonalize.wings.dead_letters.letters import DeadLetter, Letter, LetterQuery

_DEFAULT_LIMIT, _MAX_LIMIT = 50, 500


class LetterList(msgspec.Struct, frozen=True, rename="camel"):
    """Letters, newest first; `nextCursor` fetches the next page and is null on the last."""

    letters: list[Letter]
    next_cursor: str | None


class MendRequest(Form, frozen=True, rename="camel"):
    """The text to take in the letter's place: `raw`, or the same in base64.

    It is refused if it cannot be taken either, unless you `force` it.
    """

    raw: str | None = None
    raw_base64: bytes | None = None
    force: bool = False


class LetterReplayRequest(Form, frozen=True, rename="camel"):
    """Letters by their ids, or those of a `code` and a `source`; `all`, if you say so."""

    letter_ids: list[str] | None = None
    code: str | None = None
    source: str | None = None
    all: bool = False
    cursor: str | None = None

    def query(self) -> LetterQuery:
        """Return the letters that it is about; InvalidInput if it does not say which."""
        is_of_reason = self.all or self.code is not None or self.source is not None
        message = ""
        if self.letter_ids is None:
            message = "" if is_of_reason else "say which letters: letterIds, code, source, or all"
        elif is_of_reason or self.cursor is not None:
            message = "letterIds say it all: leave the other fields out"
        elif not 1 <= (count := len(set(self.letter_ids))) <= MOST_AT_ONCE:
            message = f"name 1 to {MOST_AT_ONCE:,} letters, not {count:,}"
        if message:
            raise InvalidInput(message, field="letterIds")
        return LetterQuery(self.code, self.source, letter_ids=self.letter_ids)


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
    given = request.query_params
    limit = read_limit(given.get("limit"), _DEFAULT_LIMIT)
    check_between("limit", limit, 1, _MAX_LIMIT)
    since = parse_moment(given["since"], "since") if "since" in given else None
    until = parse_moment(given["until"], "until") if "until" in given else None
    query = LetterQuery(given.get("code"), given.get("source"), since, until)
    find = replay_of(request).letters.page
    page = await services_of(request).read(find, limit, query, given.get("cursor"))
    return LetterList(list(map(Letter.of, page.letters)), page.next_cursor)


@OPERATIONS.add(
    "POST",
    "/v1/dead-letters/replay",
    request=LetterReplayRequest,
    examples={"all": {"all": True}, "of a reason": {"code": "invalid_input", "source": "http"}},
)
async def post_replay(request: Request) -> ReplayedLetters:
    """Take letters in again, as they are mended; what is taken is a letter no more."""
    form = await read_form(request, LetterReplayRequest)
    return await run_in_threadpool(replay_of(request).replay, form.query(), form.cursor)


@OPERATIONS.add("GET", "/v1/dead-letters/{letter_id}", parameters=(_LETTER,))
async def get_dead_letter(request: Request) -> Letter:
    """One letter."""
    return Letter.of(await _letter_of(request))


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
    if (form.raw is None) is (form.raw_base64 is None):
        raise InvalidInput("send either raw or rawBase64", field="raw")
    mended = form.raw_base64 or b"" if form.raw is None else form.raw.encode()
    mend = partial(replay_of(request).mend, force=form.force)
    return Letter.of(await run_in_threadpool(mend, request.path_params["letter_id"], mended))


@OPERATIONS.add("DELETE", "/v1/dead-letters/{letter_id}", parameters=(_LETTER,))
async def delete_dead_letter(request: Request) -> Letter:
    """Remove a letter; the archive keeps its copy for `dead_letter_days`."""
    letter, remove = await _letter_of(request), replay_of(request).letters.remove
    await run_in_threadpool(remove, LetterQuery(letter_ids=[letter.letter_id]))
    return Letter.of(letter)


async def _letter_of(request: Request) -> DeadLetter:
    find = replay_of(request).letters.get
    return await services_of(request).read(find, request.path_params["letter_id"])


def replay_of(request: Request) -> LetterReplay:
    """Return the replay, which the wing shares while the server runs."""
    replay: LetterReplay = request.app.state.wings["dead_letters"]
    return replay
