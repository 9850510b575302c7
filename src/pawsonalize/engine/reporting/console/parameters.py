"""Parameters as pages and operations of the console send them: empty ones count as left out."""

from collections.abc import Mapping

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id

_YES, _NO = frozenset({"true", "yes", "1", "on"}), frozenset({"false", "no", "0", ""})


def read_text(given: Mapping[str, str], name: str) -> str | None:
    """A parameter, None if it is left out; InvalidInput for what is no id."""
    told = given.get(name, "").strip()
    return parse_id(told, name) if told else None


def read_count(given: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    """A number; InvalidInput outside `least` to `most`."""
    told = given.get(name, "").strip()
    if not told:
        return usual
    if not (told.isascii() and told.isdecimal()) or not least <= int(told) <= most:
        raise InvalidInput(
            f"{name} must be a whole number from {least:,} to {most:,}, not {told[:50]!r}",
            field=name,
        )
    return int(told)


def read_flag(given: Mapping[str, str], name: str) -> bool:
    """Whether a parameter is `true`; InvalidInput for a word that says neither."""
    told = given.get(name, "").strip().lower()
    if told in _YES:
        return True
    if told in _NO:
        return False
    raise InvalidInput(f"{name} must be true or false", field=name)
