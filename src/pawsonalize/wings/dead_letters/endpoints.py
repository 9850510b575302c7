"""/v1/dead-letters: what could not be taken; to be looked at, mended, replayed and removed."""

import base64
import binascii
from collections.abc import Sequence

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import iso, parse_moment
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.http.json import json_response, read_form, read_limit
from pawsonalize.http.services import Services
from pawsonalize.wings.dead_letters.dead_letters import cursor_of, read_cursor
from pawsonalize.wings.dead_letters.letter_replay import MOST_AT_ONCE, LetterReceipt
from pawsonalize.wings.dead_letters.letter_table import LetterQuery
from pawsonalize.wings.dead_letters.letters import DeadLetter

_DEFAULT_LIMIT = 50


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What could not be taken, and why. `raw` is as it came in, `mended` what is to be taken.

    What is no text in UTF-8 is in base64, as `rawBase64`, `mendedBase64`. `source` is `http` or the
    stream's URL, `position` its place there: shard, sequence, and index in a list.
    """

    letter_id: str
    source: str
    position: str | None = None
    dataset_group: str
    at: str
    code: str
    message: str
    field: str | None = None
    raw: str | None = None
    raw_base64: str | None = None
    mended: str | None = None
    mended_base64: str | None = None


class LetterList(msgspec.Struct, frozen=True, rename="camel"):
    """Letters, newest first; `nextCursor` fetches the next page and is null on the last."""

    letters: list[Letter]
    next_cursor: str | None


class MendRequest(Form, frozen=True, rename="camel"):
    """What is to be taken in the letter's place: `raw`, or the same in base64.

    It is refused if it cannot be taken either, unless you `force` it.
    """

    raw: str | None = None
    raw_base64: str | None = None
    force: bool = False


class LetterReplayRequest(Form, frozen=True, rename="camel"):
    """Which letters: by their ids, or those of a `code` and a `source`; `all`, if you say so."""

    letter_ids: list[str] | None = None
    code: str | None = None
    source: str | None = None
    all: bool = False
    cursor: str | None = None


class ReplayedLetters(msgspec.Struct, frozen=True, rename="camel"):
    """How many events of them are stored now, or were before, and what is left, with its reasons.

    At most 1,000 letters at a time, oldest first: go on with `nextCursor`, until it is null.
    """

    accepted: int
    duplicates: int
    left: list[Letter]
    next_cursor: str | None


_MEND = msgspec.json.Decoder(MendRequest)
_REPLAY = msgspec.json.Decoder(LetterReplayRequest)


async def get_dead_letters(request: Request) -> Response:
    """List letters."""
    services: Services = request.app.state.services
    given = request.query_params
    limit = read_limit(given.get("limit"), _DEFAULT_LIMIT)
    query = LetterQuery(
        code=given.get("code"),
        source=given.get("source"),
        since=parse_moment(given["since"], "since") if "since" in given else None,
        until=parse_moment(given["until"], "until") if "until" in given else None,
    )
    page = await services.read(services.dead_letters.page, limit, query, given.get("cursor"))
    return json_response(LetterList(list(map(letter_answer, page.letters)), page.next_cursor))


async def get_dead_letter(request: Request) -> Response:
    """One letter."""
    services: Services = request.app.state.services
    return json_response(
        letter_answer(await services.read(services.dead_letters.get, _id(request)))
    )


async def put_dead_letter(request: Request) -> Response:
    """Mend a letter."""
    services: Services = request.app.state.services
    form = await read_form(request, _MEND)
    mended = _bytes_of(form)
    letter = await run_in_threadpool(
        services.letter_replay.mend, _id(request), mended, force=form.force
    )
    return json_response(letter_answer(letter))


async def delete_dead_letter(request: Request) -> Response:
    """Remove a letter; the answer is the last that anybody sees of it here."""
    services: Services = request.app.state.services
    letter = await services.read(services.dead_letters.get, _id(request))
    await run_in_threadpool(services.dead_letters.remove, [letter.letter_id])
    return json_response(letter_answer(letter))


async def post_replay(request: Request) -> Response:
    """Take letters in again."""
    services: Services = request.app.state.services
    form = await read_form(request, _REPLAY)
    if form.letter_ids is not None:
        letters = await services.read(_named, services, form)
        receipts = await run_in_threadpool(lambda: list(services.letter_replay.replay(letters)))
        return json_response(_receipt(receipts, None))
    if form.code is None and form.source is None and not form.all:
        raise InvalidInput("say which letters: letterIds, code, source, or all", field="letterIds")
    receipts, last = await run_in_threadpool(
        services.letter_replay.replay_matching,
        LetterQuery(code=form.code, source=form.source),
        read_cursor(form.cursor),
    )
    return json_response(_receipt(receipts, cursor_of(last)))


def _named(services: Services, form: LetterReplayRequest) -> list[DeadLetter]:
    named = list(dict.fromkeys(form.letter_ids or ()))
    if not 1 <= len(named) <= MOST_AT_ONCE:
        raise InvalidInput(
            f"name 1 to {MOST_AT_ONCE:,} letters, not {len(named):,}", field="letterIds"
        )
    if form.all or form.code is not None or form.source is not None or form.cursor is not None:
        raise InvalidInput("letterIds say it all: leave the other fields out", field="letterIds")
    return [services.dead_letters.get(one) for one in named]


def _id(request: Request) -> str:
    letter_id: str = request.path_params["letter_id"]
    return letter_id


def _bytes_of(form: MendRequest) -> bytes:
    if form.raw is not None and form.raw_base64 is None:
        return form.raw.encode()
    if form.raw_base64 is None or form.raw is not None:
        raise InvalidInput("send either raw or rawBase64", field="raw")
    try:
        return base64.b64decode(form.raw_base64, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("rawBase64 is not base64", field="rawBase64") from error


def _receipt(receipts: Sequence[LetterReceipt], next_cursor: str | None) -> ReplayedLetters:
    return ReplayedLetters(
        accepted=sum(one.accepted for one in receipts),
        duplicates=sum(one.duplicates for one in receipts),
        left=[letter_answer(letter) for one in receipts for letter in one.left],
        next_cursor=next_cursor,
    )


def letter_answer(letter: DeadLetter) -> Letter:
    """A letter as it is shown."""
    raw, raw_base64 = _shown(letter.raw)
    mended, mended_base64 = (None, None) if letter.mended is None else _shown(letter.mended)
    return Letter(
        letter_id=letter.letter_id,
        source=letter.source,
        position=letter.position,
        dataset_group=letter.dataset_group,
        at=iso(letter.at),
        code=letter.code,
        message=letter.message,
        field=letter.field,
        raw=raw,
        raw_base64=raw_base64,
        mended=mended,
        mended_base64=mended_base64,
    )


def _shown(data: bytes) -> tuple[str | None, str | None]:
    """As text, or in base64."""
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(data).decode()
