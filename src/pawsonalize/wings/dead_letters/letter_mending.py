"""Changes single values of a letter, by their paths: `sessionId`, `events[2].animalMetadata`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.decoder import read_json

_PATH = re.compile(r"(?:[^.\[\]]+|\[\d+\])(?:\.[^.\[\]]+|\[\d+\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_OF_ENVELOPES = frozenset({"Data", "Partitionkey"})


def with_values(body: bytes, values: Mapping[str, str], without: Iterable[str] = ()) -> bytes:
    """The body with values set and fields left out; InvalidInput names a path that is not there.

    A value is JSON, or else text. Paths go into an envelope's `Data` by themselves.
    """
    document = read_json(body)
    for path, text in values.items():
        parent, last = _place(document, path)
        parent[last] = _value(text)
    for path in without:
        parent, last = _place(document, path)
        if last not in parent if isinstance(parent, dict) else True:
            raise _no_place(path)
        del parent[last]
    return msgspec.json.encode(document)


def _place(document: Any, path: str) -> tuple[Any, Any]:
    """What holds the value, and under which name or number."""
    if not _PATH.fullmatch(path):
        raise InvalidInput(f"{path} is no path: write such as events[0].sessionId", field=path)
    steps = [name or int(number) for number, name in _STEP.findall(path)]
    here = document
    for place, step in enumerate(steps):
        if _is_envelope(here) and step not in _OF_ENVELOPES:
            here = here["Data"]
        fits = isinstance(here, dict if isinstance(step, str) else list)
        if not fits or (isinstance(step, int) and step >= len(here)):
            raise _no_place(path)
        if place == len(steps) - 1:
            return here, step
        here = here.setdefault(step, {}) if isinstance(step, str) else here[step]
    raise _no_place(path)


def _is_envelope(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("Data"), dict)


def _no_place(path: str) -> InvalidInput:
    return InvalidInput(f"there is no {path} in this letter: give all of it instead", field=path)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text
