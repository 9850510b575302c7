"""Limits of what callers send; a refusal names the field, what is allowed and what was sent."""

import re

from pawsonalize.core.errors import InvalidInput

MAX_ID_LENGTH = 256


def parse_id(value: object, field: str) -> str:
    """Return a string or integer id as text; InvalidInput if empty, too long or unprintable."""
    if isinstance(value, str):
        text = value.strip()
    # To Python True is a number, to JSON it is none.
    elif isinstance(value, int) and not isinstance(value, bool):
        text = _digits(value, field)
    # Some programs have only floats, and write 12 as 12.0.
    elif isinstance(value, float) and value.is_integer():
        text = _digits(int(value), field)
    elif value is None:
        raise InvalidInput(f"{field} is missing: send a string or an integer", field=field)
    else:
        raise InvalidInput(f"{field} must be a string or an integer", field=field)
    if not 0 < len(text) <= MAX_ID_LENGTH:
        raise InvalidInput(
            f"{field} must have 1 to {MAX_ID_LENGTH} characters, not {len(text)}", field=field
        )
    if not text.isprintable():  # lone surrogates neither: no database stores them faithfully
        raise InvalidInput(f"{field} must not contain control characters", field=field)
    return text


def _digits(value: int, field: str) -> str:
    if abs(value) >= 10**MAX_ID_LENGTH:  # str() of a longer number is refused by Python itself
        raise InvalidInput(f"{field} must have 1 to {MAX_ID_LENGTH} digits", field=field)
    return str(value)


def match_cursor(form: re.Pattern[str], cursor: str) -> re.Match[str]:
    """Return the parts of a cursor of that form; InvalidInput if it is none of ours."""
    if (match := form.fullmatch(cursor)) is None:
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
    return match


def check_between(field: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside `low` to `high`."""
    if not low <= value <= high:
        raise InvalidInput(f"{field} must be from {low:g} to {high:g}, not {value:,}", field=field)


def check_length(field: str, count: int, most: int, of: str = "characters") -> None:
    """Refuse more than `most`; `of` are what is counted."""
    if count > most:
        raise InvalidInput(f"{field} may have {most:,} {of}, not {count:,}", field=field)
