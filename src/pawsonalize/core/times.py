"""Moments: whole milliseconds since 1970-01-01T00:00:00Z, as `int`."""

import math
from datetime import UTC, datetime

from pawsonalize.core.errors import InvalidInput

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EARLIEST = 631_152_000 * SECOND  # 1990-01-01: no adoption site is older than the web
LATEST = 4_102_444_800 * SECOND  # 2100-01-01
FIRST_MILLISECONDS = 100_000_000_000
"""A number below it means seconds (up to the year 5138), from it on milliseconds (from 1973)."""


def parse_moment(value: object, field: str) -> int:
    """Read ISO 8601 text (UTC without a zone), epoch seconds or milliseconds; or InvalidInput."""
    # Moments outside 1990…2100 are refused, as they are always a wrong unit or a wrong clock.
    moment = _read_number(value)
    if moment is None and isinstance(value, str):
        moment = _read_iso(value.strip())
    if moment is None:
        raise InvalidInput(
            f"{field} must be ISO 8601 text (2026-05-17T09:30:00Z) or epoch seconds or"
            " milliseconds",
            field=field,
        )
    if not EARLIEST <= moment < LATEST:
        raise InvalidInput(
            f"{field} lies outside the years 1990 to 2100: check its unit (seconds or"
            " milliseconds) and the sender's clock",
            field=field,
        )
    return moment


def iso(moment: int) -> str:
    """The moment as ISO 8601 UTC with milliseconds, `2026-05-17T09:30:00.000Z`."""
    text = datetime.fromtimestamp(moment / SECOND, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _read_number(value: object) -> int | None:
    """Milliseconds since 1970 of epoch seconds or milliseconds, also as text; or None."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return round(value * SECOND) if abs(value) < FIRST_MILLISECONDS else round(value)


def _read_iso(text: str) -> int | None:
    """Milliseconds since 1970 of ISO 8601 text; or None."""
    if not text.isprintable():  # some Pythons stop reading at a NUL
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    try:
        return round(parsed.timestamp() * SECOND)
    except (OverflowError, ValueError):
        return None
