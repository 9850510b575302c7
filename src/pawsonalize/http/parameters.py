"""Parameters of queries, which pages and operations read alike."""

from collections.abc import Mapping

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id

_FLAGS = {"true": True, "false": False}


def filled(given: Mapping[str, str]) -> dict[str, str]:
    """What a form sends, without the fields that were left empty."""
    return {name: value for name, value in given.items() if value.strip()}


def read_text(given: Mapping[str, str], name: str) -> str | None:
    """A parameter, None if it is left out; InvalidInput for what is no id."""
    return parse_id(given[name], name) if name in given else None


def read_count(given: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    """A number; InvalidInput outside `least` to `most`."""
    told = given.get(name)
    if told is None:
        return usual
    is_number = told.isascii() and told.isdecimal() and len(told) <= len(str(most))
    if not is_number or not least <= int(told) <= most:
        raise InvalidInput(
            f"{name} must be a whole number from {least:,} to {most:,}, not {told[:50]!r}",
            field=name,
        )
    return int(told)


def read_flag(given: Mapping[str, str], name: str) -> bool:
    """Whether a parameter is `true`; InvalidInput for a word that says neither."""
    told = given.get(name, "false")
    if told not in _FLAGS:
        raise InvalidInput(f"{name} must be true or false", field=name)
    return _FLAGS[told]
