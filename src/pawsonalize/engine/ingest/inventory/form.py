"""The form in which you send animals, by the API and in our own feed formats."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import MAX_ID_LENGTH, parse_id
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.ingest.event_form import Id, Moment

MAX_PHOTOS = 50
MAX_TEXT_CHARS = 20_000
Text = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_TEXT_CHARS})]
Word = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_ID_LENGTH})] | int | None
Told = bool | str | None


class AnimalForm(Form, frozen=True, rename="camel", kw_only=True):
    """One animal as sent: all that is known of it; a field that is left out is unknown.

    Species, size, age and sex are words or ids (`dog`, `large`, `senior`, `female`); breeds are as
    people write them. `url` is the animal's own page. `priority`, 0 to 1, is how much its shelter
    wants it to be shown. Good-with is true, false, "yes", "no", "selective" or "unknown". An animal
    is listed since its intake unless `listedAt` says otherwise. `outcome` and `outcomeAt` say how
    and when that stay ended, `returnedAt` since when it is back.
    """

    id: Id
    species: str | int
    breed: str | None = None
    secondary_breed: str | None = None
    mixed: bool | None = None
    birth_date: str | None = None
    age: Word = None
    size: Word = None
    sex: str | None = None
    name: Text | None = None
    status: str | None = None
    listed_at: Moment | None = None
    intake_at: Moment | None = None
    outcome: str | None = None
    outcome_at: Moment | None = None
    returned_at: Moment | None = None
    source: str | None = None
    external_id: Id | None = None
    shelter: str | None = None
    bonded_unit: Id | None = None
    coat: str | None = None
    colours: list[str] | None = None
    altered: bool | None = None
    house_trained: bool | None = None
    special_needs: bool | None = None
    good_with_kids: Told = None
    good_with_dogs: Told = None
    good_with_cats: Told = None
    photos: list[str] | None = None
    url: str | None = None
    priority: float | None = None
    fee: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    postcode: str | int | None = None
    description: Text | None = None


def text(value: str | int | None, field: str, limit: int = MAX_ID_LENGTH) -> str:
    """A short text on one line, "" for none."""
    words = " ".join(str(value if value is not None else "").split())
    if len(words) > limit:
        raise InvalidInput(f"{field} may have {limit} characters, not {len(words)}", field=field)
    return parse_id(words, field) if words else ""


def long_text(value: str | None, field: str) -> str:
    """A text of any lines that every database stores faithfully, "" for none."""
    words = (value or "").strip()
    if len(words) > MAX_TEXT_CHARS:
        raise InvalidInput(f"{field} may have {MAX_TEXT_CHARS:,} characters", field=field)
    return "".join(one for one in words if one in "\n\t" or one.isprintable())


def day(value: str | None, field: str) -> date | None:
    """A date, from ISO 8601 text with or without a time."""
    if not value or not value.strip():
        return None
    try:
        found = datetime.fromisoformat(value.strip()).date()
    except ValueError as error:
        raise InvalidInput(
            f"{field} must be a date such as 2024-05-17, not {value.strip()!r}", field=field
        ) from error
    if not 1950 <= found.year < 2100:
        raise InvalidInput(
            f"{field} {found} lies outside the years 1950 to 2100: correct it, or leave it out",
            field=field,
        )
    return found


def number(value: float | None, field: str, low: float, high: float) -> float | None:
    """A number between two bounds."""
    if value is not None and not low <= value <= high:
        raise InvalidInput(f"{field} must be from {low:g} to {high:g}", field=field)
    return value
