"""Limits of what callers send; a refusal names the field, what is allowed and what was sent."""

from pawsonalize.domain.errors import InvalidInput


def check_between(field: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside `low` to `high`."""
    if not low <= value <= high:
        raise InvalidInput(f"{field} must be from {low:g} to {high:g}, not {value:,}", field=field)


def check_length(field: str, count: int, most: int, of: str = "characters") -> None:
    """Refuse more than `most`; `of` are what is counted."""
    if count > most:
        raise InvalidInput(f"{field} may have {most:,} {of}, not {count:,}", field=field)
