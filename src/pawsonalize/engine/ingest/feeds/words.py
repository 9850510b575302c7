"""What feeds write for yes and no, numbers and lists."""

from pawsonalize.domain.errors import InvalidInput

_YES = frozenset({"1", "y", "yes", "true", "t"})
_NO = frozenset({"0", "n", "no", "false", "f"})

_UNKNOWN = frozenset({"", "u", "unk", "unknown", "unspecified", "null", "none", "n/a", "?"})


def flag(text: str | None, field: str) -> bool | None:
    """Yes, no, or None for an empty field."""
    word = (text or "").strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    if word in _UNKNOWN:
        return None
    raise InvalidInput(f"{field} must be yes or no, not {text}", field=field)


def amount(text: str | None, field: str) -> float | None:
    """A number, with or without a currency sign before it; None for an empty field."""
    digits = (text or "").strip().lstrip("$€£").replace(",", "")
    if not digits:
        return None
    try:
        return float(digits)
    except ValueError as error:
        raise InvalidInput(f"{field} must be a number", field=field) from error


def first_of(*texts: str | None) -> str | None:
    """The first that is not empty."""
    return next((text for text in texts if text and text.strip()), None)


def all_of(*texts: str | None) -> list[str]:
    """Those that are not empty."""
    return [text.strip() for text in texts if text and text.strip()]
