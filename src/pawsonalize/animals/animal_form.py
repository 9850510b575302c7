"""The form in which you send animals, by the API and in our own feed formats.

Each field stands once, with the function that reads it where that needs no other field.
"""

import re
from datetime import date, datetime
from functools import lru_cache, partial
from html import unescape
from itertools import combinations
from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.core import breeds
from pawsonalize.core.attributes import (
    CAT,
    DOG,
    SPECIES_NAMES,
    GoodWith,
    read_answer,
    says_nothing,
    species_id,
)
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import Form, readers_of
from pawsonalize.core.forms.entries import Id, Moment
from pawsonalize.core.limits import MAX_ID_LENGTH, check_between, check_length, parse_id
from pawsonalize.core.times import parse_moment

MOST = {"photos": 50, "colours": 10}
"""Most entries of a list."""
MAX_TEXT_CHARS = 20_000
_MAX_ADDRESS_CHARS = 2_000
_MAX_FEE = 1_000_000
FormAnswer = bool | str | None
Amount = float | str | None


def text(value: str | float | None, field: str, limit: int = MAX_ID_LENGTH) -> str:
    """A short text on one line, "" for none."""
    words = " ".join(str(value if value is not None else "").split())
    check_length(field, len(words), limit)
    return parse_id(words, field) if words else ""


def long_text(value: str | None, field: str) -> str:
    """A text of any lines without markup, as every database stores it; "" for none."""
    words = (without_markup(value) or "").strip()
    check_length(field, len(words), MAX_TEXT_CHARS)
    return "".join(one for one in words if one in "\n\t" or one.isprintable())


def day(value: str | None, field: str) -> date | None:
    """A date, from ISO 8601 text with or without a time."""
    if not value or says_nothing(value):
        return None
    try:
        found = datetime.fromisoformat(value.strip()).date()
    except ValueError as error:
        raise InvalidInput(
            f"{field} must be a date such as 2024-05-17, not {value.strip()!r}", field=field
        ) from error
    # Other years are slips of a hand, or of a form of dates.
    if not 1950 <= found.year < 2100:
        raise InvalidInput(
            f"{field} {found} lies outside the years 1950 to 2100: correct it, or leave it out",
            field=field,
        )
    return found


_FLAGS = {GoodWith.YES: True, GoodWith.NO: False, GoodWith.UNKNOWN: None}


def flag(value: FormAnswer, field: str) -> bool | None:
    """Yes, no, or None if nobody knows."""
    answer = read_answer(value)
    if answer not in _FLAGS:
        raise InvalidInput(f"{field} must be yes or no, not {str(value)[:40]!r}", field=field)
    return _FLAGS[answer]


def number(value: Amount, field: str, low: float, high: float) -> float | None:
    """A number between two bounds, perhaps with the sign of a currency; None for an empty text."""
    if isinstance(value, str):
        # `1,200` has a thousands separator, `12,50` a decimal comma.
        digits = re.sub(r",(?=\d{3}(\D|$))", "", value.strip(" $€£")).replace(",", ".")
        try:
            value = None if says_nothing(digits) else float(digits)
        except ValueError as error:
            raise InvalidInput(f"{field} must be a number, not {value!r}", field=field) from error
    if value is not None:
        check_between(field, value, low, high)
    return value


def read_moment(value: Moment | None, field: str) -> int | None:
    """A moment, or None if none was sent; InvalidInput names a value that is none."""
    if value is None or (isinstance(value, str) and says_nothing(value)):
        return None
    try:
        return parse_moment(value, field)
    except InvalidInput as error:
        raise InvalidInput(f"{error.message}, not {value}", field=field) from error


def _good_with(value: FormAnswer, field: str) -> GoodWith:
    answer = read_answer(value, about_children=field == "goodWithKids")
    if answer is None:
        known = f"true, false or one of {', '.join(GoodWith)}"
        raise InvalidInput(f"{field} must be {known}, not {str(value)[:40]!r}", field=field)
    return answer


def _texts(values: list[str] | None, field: str, limit: int = MAX_ID_LENGTH) -> tuple[str, ...]:
    check_length(field, len(values or ()), MOST[field], "entries")
    return tuple(found for one in values or () if (found := text(one, field, limit)))


def _address(value: str | None, field: str) -> str:
    address = text(value, field, _MAX_ADDRESS_CHARS)
    if address and not address.lower().startswith(("http://", "https://")):
        raise InvalidInput(f"{field} must begin with https://, not {address[:40]!r}", field=field)
    return address


def _addresses(values: list[str] | None, field: str) -> tuple[str, ...]:
    return tuple(_address(one, field) for one in _texts(values, field, _MAX_ADDRESS_CHARS))


def _optional_id(value: Id | None, field: str) -> str | None:
    return parse_id(value, field) if value else None


_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_NEW_LINE = re.compile(r"<(?:br\b[^<>]*|/p|/div|/li)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)


def without_markup(text: str | None) -> str | None:
    """The text that a browser would show: `<b>Tom</b> &amp; Max` is `Tom & Max`."""
    if text is None or ("<" not in text and "&" not in text):
        return text
    # Entities first, since tags may be written with them.
    seen = _UNSEEN.sub(" ", unescape(text).replace("\N{NO-BREAK SPACE}", " "))
    return _TAG.sub("", _NEW_LINE.sub("\n", seen))


def _plain(value: str | int | None, field: str) -> str:
    return text(without_markup(value) if isinstance(value, str) else value, field)


_Word = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_ID_LENGTH})] | int | None
_Text = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_TEXT_CHARS})] | None
_Line = Annotated[str | None, text]
_YesOrNo = Annotated[FormAnswer, flag]
_Household = Annotated[FormAnswer, _good_with]


class AnimalForm(Form, frozen=True, rename="camel", kw_only=True):
    """One animal as sent: all that is known of it; a field that is left out is unknown."""

    id: Id
    """Its id, as in your own data."""
    species: str | int
    """A word (`dog`) or an id."""
    breed: str | None = None
    """As people write it; two with `/` between."""
    secondary_breed: str | None = None
    """The other breed of a mix."""
    mixed: FormAnswer = None
    """True if it is a mix."""
    birth_date: str | None = None
    """A day, as `2023-04-01`; then it grows older by itself."""
    age: _Word = None
    """A word (`senior`) or an id, if the day of birth is not known."""
    size: _Word = None
    """A word (`large`) or an id."""
    weight: Annotated[str | int | float | None, text] = None
    """Its weight as its shelter writes it, such as `28 kg`; its size is another field."""
    sex: str | None = None
    """`female` or `male`."""
    name: Annotated[_Text, _plain] = None
    """Its name."""
    status: str | None = None
    """Its status now: `available`, `hold`, `pending`, `adopted`, `returned` or `removed`. A new
    animal is available if it is left out; of others it stays as it was."""
    listed_at: Moment | None = None
    """When it was first published; its intake if left out."""
    intake_at: Annotated[Moment | None, read_moment] = None
    """When it came."""
    outcome: str | None = None
    """The way its stay ended, such as `adoption`."""
    outcome_at: Moment | None = None
    """When its stay ended."""
    returned_at: Moment | None = None
    """Since when it is back."""
    source: _Line = None
    """The system that the record comes from."""
    external_id: Id | None = None
    """Its id there."""
    shelter: Annotated[str | None, _plain] = None
    """The shelter in which it lives."""
    bonded_unit: Annotated[Id | None, _optional_id] = None
    """Animals with the same one go together."""
    coat: _Line = None
    """Its coat, such as `long`."""
    colours: Annotated[list[str] | None, _texts] = None
    """Its colours."""
    altered: FormAnswer = None
    """True if it is spayed or neutered."""
    house_trained: _YesOrNo = None
    """True if it is house-trained."""
    special_needs: _YesOrNo = None
    """True if it has special needs."""
    good_with_kids: _Household = None
    """true, false, "yes", "no", "selective" or "unknown"."""
    good_with_dogs: _Household = None
    """true, false, "yes", "no", "selective" or "unknown"."""
    good_with_cats: _Household = None
    """true, false, "yes", "no", "selective" or "unknown"."""
    photos: Annotated[list[str] | None, _addresses] = None
    """Addresses of photos, the best first."""
    url: Annotated[str | None, _address] = None
    """The address of its own page."""
    priority: Annotated[Amount, partial(number, low=0, high=1)] = None
    """The weight with which its shelter wants it to be shown, 0 to 1."""
    fee: Annotated[Amount, partial(number, low=0, high=_MAX_FEE)] = None
    """The price of an adoption, in the site's currency."""
    latitude: Annotated[Amount, partial(number, low=-90, high=90)] = None
    """Its place, in degrees."""
    longitude: Annotated[Amount, partial(number, low=-180, high=180)] = None
    """Its place, in degrees."""
    postcode: Annotated[str | int | None, text] = None
    """Its place, by the server's postcode table."""
    description: Annotated[_Text, long_text] = None
    """The text that people read about it."""


FIELDS = {field.encode_name: field.name for field in msgspec.structs.fields(AnimalForm)}
"""The attributes of the form by the names of its fields."""
READERS = readers_of(AnimalForm)


_OTHER_SPECIES = [one for one in SPECIES_NAMES if one not in {CAT, DOG}]


def read_species(form: AnimalForm) -> str:
    """The species' id; if the word says none (`OTHER`), the breed may: `RABBIT SH`."""
    word = _plain(form.species, "species")
    found = species_id(word)
    if found in SPECIES_NAMES or found.isdecimal():
        return found
    breed = _plain(form.breed, "breed")
    if (named := _species_in(breed)) is not None:
        return named
    hint = f" (its breed is {breed!r})" if breed else ""
    known = ", ".join(SPECIES_NAMES.values())
    raise InvalidInput(
        f"species {word!r}{hint} is none that we know: write one of {known}, a number of your"
        " own, or map the value with --map",
        field="species",
    )


def read_form_breeds(form: AnimalForm, species: str) -> breeds.Breeds:
    """The breeds, for a species id."""
    first, second = _plain(form.breed, "breed"), _plain(form.secondary_breed, "secondaryBreed")
    found = breeds.read_breeds(species, first)
    if (species, found.primary) not in breeds.FAMILIES:
        # `Guinea Pig` and `Rat` are species to some systems, which then write `Fancy` for a breed.
        kind = _plain(form.species, "species")
        better = breeds.find_breed(species, f"{first} {kind}") or breeds.find_breed(species, kind)
        found = found if better is None else breeds.Breeds(better)
    secondary = breeds.breed_id(species, second) if second else found.secondary
    if secondary in {found.primary, breeds.UNKNOWN_BREED}:
        secondary = None
    mixed = True if secondary else found.mixed
    is_mixed = flag(form.mixed, "mixed")
    return breeds.Breeds(found.primary, secondary, mixed if is_mixed is None else is_mixed)


@lru_cache(maxsize=4_096)
def _species_in(breed: str) -> str | None:
    """The species that a breed's name says, cats and dogs apart; None if it says none, or two."""
    words = re.findall(r"\w+", breed)
    # The longest runs of words first, as `guinea pig` is no `pig`.
    for start, end in sorted(combinations(range(len(words) + 1), 2), key=lambda s: s[0] - s[1]):
        found = species_id(" ".join(words[start:end]))
        if found in _OTHER_SPECIES:
            return found
    fitting = {
        species
        for species in _OTHER_SPECIES
        if (species, breeds.read_breeds(species, breed).primary) in breeds.FAMILIES
    }
    return fitting.pop() if len(fitting) == 1 else None
