"""A dead letter in JSON, as the API shows it and the archive keeps it."""

import base64
from typing import Final

import msgspec

from pawsonalize.domain.times import iso, parse_moment
from pawsonalize.wings.dead_letters.letters import DeadLetter

_SAME: Final = ("letter_id", "source", "position", "dataset_group", "code", "message", "field")


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


def letter_answer(letter: DeadLetter) -> Letter:
    """A letter as it is shown."""
    raw, raw_base64 = _shown(letter.raw)
    mended, mended_base64 = _shown(letter.mended)
    return Letter(
        **{name: getattr(letter, name) for name in _SAME},
        at=iso(letter.at),
        raw=raw,
        raw_base64=raw_base64,
        mended=mended,
        mended_base64=mended_base64,
    )


def read_letter(form: Letter) -> DeadLetter:
    """A letter as it came in; InvalidInput or ValueError if it cannot be read."""
    text = form.raw
    return DeadLetter(
        **{name: getattr(form, name) for name in _SAME},
        at=parse_moment(form.at, "at"),
        raw=base64.b64decode(form.raw_base64 or "") if text is None else text.encode(),
    )


def _shown(data: bytes | None) -> tuple[str | None, str | None]:
    """As text, or in base64."""
    if data is None:
        return None, None
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(data).decode()
