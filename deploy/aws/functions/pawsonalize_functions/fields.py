"""The fields of payloads: ids, animal groups, moments, and names that are misspelt."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NoReturn

MAX_ID_LENGTH = 256
GROUP_FIELDS = (
    "animal_species_id",
    "animal_primary_breed_id",
    "animal_size_id",
    "animal_age_id",
)
_BREED = GROUP_FIELDS[1]
_EARLIEST, _LATEST = 631_152_000_000, 4_102_444_800_000  # 1990 and 2100
_FIRST_MILLISECONDS = 100_000_000_000  # a smaller number means seconds
_LONG = 5


class Refused(Exception):
    """The caller's input is wrong; the message names the next move."""

    def __init__(self, message: str, field: str | None = None, code: str = "invalid_input") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code

    def as_error(self) -> dict[str, Any]:
        """`{"code", "message", "field"?}`, as the service says it."""
        place = {} if self.field is None else {"field": self.field}
        return {"code": self.code, "message": self.message, **place}


def read_json(text: str | bytes) -> Any:
    """Any JSON in UTF-8; Refused if it is none."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise Refused(
            "this JSON is nested too deeply: send a flatter document", code="invalid_json"
        ) from None
    except ValueError as error:
        raise Refused(f"this is not JSON in UTF-8: {error}", code="invalid_json") from None


def read_object(value: object, field: str | None = None) -> dict[str, Any]:
    """An object of JSON."""
    if not isinstance(value, dict):
        raise Refused(f"{field or 'this'} must be an object", field)
    return value


def read_id(value: object, field: str) -> str:
    """A string or an integer as text of 1 to 256 printable characters: `7` is `"7"`."""
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, int) and not isinstance(value, bool):
        text = _digits(value, field)
    elif isinstance(value, float) and value.is_integer():
        text = _digits(int(value), field)
    elif value is None:
        raise Refused(f"{field} is missing: send a string or an integer", field)
    else:
        raise Refused(f"{field} must be a string or an integer", field)
    if not 0 < len(text) <= MAX_ID_LENGTH:
        raise Refused(f"{field} must have 1 to {MAX_ID_LENGTH} characters, not {len(text)}", field)
    if not text.isprintable():
        raise Refused(f"{field} must not contain control characters", field)
    return text


def read_optional_id(form: Mapping[str, Any], name: str) -> str | None:
    """The id of that name, or None if there is none."""
    return None if form.get(name) is None else read_id(form[name], name)


def group_of(metadata: object, field: str = "animalMetadata") -> str:
    """The animal group, `species-breed-size-age`; only a breed may contain `-`."""
    given = read_object(metadata, field)
    check_names(given, GROUP_FIELDS, field)
    parts = [_part(given.get(name), name, field) for name in GROUP_FIELDS]
    return read_id("-".join(parts), field)


def is_group(item_id: str) -> bool:
    """Whether an item id is of the form `species-breed-size-age`."""
    species, _, rest = item_id.partition("-")
    pieces = rest.rsplit("-", 2)
    return len(pieces) == 3 and bool(species) and all(pieces)


def read_moment(value: object, field: str) -> int:
    """ISO 8601 text, epoch seconds or epoch milliseconds, as milliseconds since 1970."""
    moment = _number(value)
    if moment is None and isinstance(value, str):
        moment = _iso(value.strip())
    if moment is None:
        raise Refused(
            f"{field} must be ISO 8601 text (2026-05-17T09:30:00Z) or epoch seconds or"
            " milliseconds",
            field,
        )
    if not _EARLIEST <= moment < _LATEST:
        raise Refused(
            f"{field} lies outside the years 1990 to 2100: check its unit (seconds or"
            " milliseconds) and the sender's clock",
            field,
        )
    return moment


def check_names(form: Collection[str], known: Collection[str], within: str = "") -> None:
    """Refused for a name that looks like a misspelt one of those; others do not matter."""
    missing = [one for one in known if one not in form]
    for name in form:
        if name in known:
            continue
        right = next((one for one in missing if is_meant(name, one)), None)
        if right is not None:
            path = f"{within}.{name}" if within else name
            wanted = f"{within}.{right}" if within else right
            raise Refused(f"there is no field {path}: write {wanted}", path, code="unknown_field")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _digits(value: int, field: str) -> str:
    if abs(value) >= 10**MAX_ID_LENGTH:  # str() of a longer number is refused by Python itself
        raise Refused(f"{field} must have 1 to {MAX_ID_LENGTH} digits", field)
    return str(value)


def _part(value: object, name: str, within: str) -> str:
    field = f"{within}.{name}"
    text = read_id(value, field)
    if name != _BREED and "-" in text:
        raise Refused(f"{field} must not contain '-'; only a breed may", field)
    return text


def _number(value: object) -> int | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not isfinite(value):
        return None
    return round(value * 1000) if abs(value) < _FIRST_MILLISECONDS else round(value)


def _iso(text: str) -> int | None:
    if not text.isprintable():
        return None
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=UTC)
        return round(parsed.timestamp() * 1000)
    except (OverflowError, ValueError):
        return None


def is_meant(name: str, right: str) -> bool:
    """Whether they differ in case, separators, a plural or one typing error."""
    given, wanted = _bare(name), _bare(right)
    if given.rstrip("s") == wanted.rstrip("s"):
        return True
    return min(len(given), len(wanted)) >= _LONG and _one_slip(given, wanted)


def _one_slip(given: str, wanted: str) -> bool:
    while given and wanted and given[0] == wanted[0]:
        given, wanted = given[1:], wanted[1:]
    while given and wanted and given[-1] == wanted[-1]:
        given, wanted = given[:-1], wanted[:-1]
    if max(len(given), len(wanted)) <= 1:
        return True
    return len(given) == len(wanted) == 2 and given == wanted[::-1]


def _bare(name: str) -> str:
    return "".join(one for one in name.casefold() if one.isalnum())
