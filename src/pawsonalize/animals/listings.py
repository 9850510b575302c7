"""Reads listings of animals and their stays into records."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache, partial
from html import unescape
from itertools import combinations
from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.animals.animal import (
    LEFT,
    OWN_PHOTOS,
    UNKNOWN,
    Animal,
    AnimalStatus,
    History,
    StatusChange,
    status_in_words,
    weave,
)
from pawsonalize.core import breeds
from pawsonalize.core.attributes import (
    AGE_NAMES,
    BABY,
    CAT,
    DOG,
    SIZE_NAMES,
    SPECIES_NAMES,
    GoodWith,
    age_id,
    read_answer,
    read_sex,
    says_nothing,
    size_id,
    species_id,
)
from pawsonalize.core.breed_spelling import DECORATIONS, plain_letters, words_of
from pawsonalize.core.breeds import FAMILIES, read_breeds
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import Form, Id, Moment, readers_of
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import MAX_ID_LENGTH, check_between, check_length, parse_id
from pawsonalize.core.times import DAY, iso, parse_moment
from pawsonalize.core.words import by_word

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
    return "".join(sign for sign in words if sign in "\n\t" or sign.isprintable())


def day(value: str | None, field: str) -> date | None:
    """A date, from ISO 8601 text with or without a time."""
    if not value or says_nothing(value):
        return None
    try:
        date_read = datetime.fromisoformat(value.strip()).date()
    except ValueError as error:
        raise InvalidInput(
            f"{field} must be a date such as 2024-05-17, not {value.strip()!r}", field=field
        ) from error
    # Other years are slips of a hand, or of a form of dates.
    if not 1950 <= date_read.year < 2100:
        raise InvalidInput(
            f"{field} {date_read} lies outside the years 1950 to 2100: correct it, or leave it out",
            field=field,
        )
    return date_read


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


def _photos(values: list[str] | None, field: str) -> tuple[str, ...]:
    return tuple(
        address if address.startswith(OWN_PHOTOS) else _address(address, field)
        for address in _texts(values, field, _MAX_ADDRESS_CHARS)
    )


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
    photos: Annotated[list[str] | None, _photos] = None
    """Addresses of photos, the best first; those that begin with `/photos/` were uploaded here."""
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


_OUTCOMES = by_word("beginnings_of_outcomes", AnimalStatus)
_GONE, _THERE = AnimalStatus.REMOVED, AnimalStatus.AVAILABLE


def read_report(
    form: AnimalForm, status: AnimalStatus | None, now: int
) -> tuple[History, int | None]:
    """The report on a stay, and when the animal was listed if that is all; InvalidInput if odd."""
    listed = read_moment(form.listed_at, "listedAt")
    intake = read_moment(form.intake_at, "intakeAt")
    ended = read_moment(form.outcome_at, "outcomeAt")
    back = read_moment(form.returned_at, "returnedAt")
    # An intake that is announced for later counts as now.
    came = listed if listed is not None or intake is None else min(intake, now)
    for name, moment in (("outcomeAt", ended), ("returnedAt", back)):
        if moment is not None and moment > now:
            raise InvalidInput(f"{name} {iso(moment)} lies in the future", field=name)
    if ended is not None and came is not None and (ended := _not_before(came, ended)) < came:
        raise InvalidInput(
            f"outcomeAt {form.outcome_at} lies before the intake: correct one of the two",
            field="intakeAt",
        )
    if ended is not None and back is not None and (back := _not_before(ended, back)) < ended:
        raise InvalidInput(
            f"returnedAt {form.returned_at} lies before outcomeAt: correct one of the two",
            field="returnedAt",
        )
    if ended is back is intake is None:
        return (), listed
    left = _GONE if ended is None else read_outcome(form, status)
    steps = ((_THERE, came), (left, ended), (_THERE, back))
    return tuple(StatusChange(step, moment) for step, moment in steps if moment is not None), None


def _not_before(first: int, second: int) -> int:
    """The second moment; if it is a day without a time, on the day of the first, not before it."""
    is_same_day = second % DAY == 0 and second // DAY == first // DAY
    return max(first, second) if is_same_day else second


def read_outcome(form: AnimalForm, status: AnimalStatus | None) -> AnimalStatus:
    """The status after an outcome; a stay that ended without a word was no adoption."""
    if says_nothing(form.outcome or ""):
        return AnimalStatus.ADOPTED if status is AnimalStatus.ADOPTED else _GONE
    if (outcome := _outcome_in_words(form.outcome)) not in LEFT:
        raise InvalidInput(
            f"nobody knows the outcome {form.outcome!r}: write adopted, or removed for all others,"
            " or say with --map what it means",
            field="outcome",
        )
    return outcome


def _outcome_in_words(outcome: str | None) -> AnimalStatus | None:
    word = _letters(outcome)
    begun = (status for beginning, status in _OUTCOMES.items() if word.startswith(beginning))
    return next(begun, status_in_words(word))


def _letters(text: str | None) -> str:
    return "".join(letter for letter in plain_letters(text or "") if letter.isalnum())


class Listing(msgspec.Struct, frozen=True):
    """An animal as listed now, with its status if it was sent; `listed` is known without a stay."""

    animal: Animal
    status: AnimalStatus | None
    listed: int | None

    @property
    def report(self) -> History:
        """Return what the listing says of a stay, if anything."""
        return self.animal.reports[0] if self.animal.reports else ()


def read_listing(form: AnimalForm, at: int) -> Listing:
    """Read a listing as of that moment (ms since 1970); InvalidInput names a bad field."""
    status = read_status(form.status) if form.status is not None else None
    report, listed = read_report(form, status, at)
    if any(change.status in LEFT for change in report):
        status = None  # it was so then; what it is now, the rest of its history says
    elif status is None and not says_nothing(form.outcome or ""):
        status = read_outcome(form, status)
    species = read_species(form)
    breeds = read_form_breeds(form, species)
    born = _born(form, at)
    sex, altered = read_sex(text(form.sex, "sex")) or (UNKNOWN, None)
    animal = Animal(
        animal_id=parse_id(form.id, "id"),
        species=species,
        breed=breeds.primary,
        size=size_id(text(form.size, "size"), species) or UNKNOWN,
        age=UNKNOWN if born else _age(form, species),
        born=born,
        history=_first_history(report, listed, status, at),
        external_id=text(parse_id(form.external_id or form.id, "externalId"), "externalId"),
        secondary_breed=breeds.secondary,
        mixed=breeds.mixed,
        sex=sex,
        altered=altered if form.altered is None else _altered(form.altered),
        reports=(report,) if report else (),
        # These need no look at other fields.
        **{
            name: value
            for sent, (name, read) in READERS.items()
            if (value := read(getattr(form, name), sent)) is not None
        },
    )
    _check_group(animal, at)
    return Listing(animal, status, listed)


def read_status(given: str) -> AnimalStatus:
    """A status by its name or another word for it; InvalidInput names all."""
    if (status := status_in_words(given)) is not None:
        return status
    known = ", ".join(AnimalStatus)
    raise InvalidInput(f"status must be one of {known}, not {given.strip()!r}", field="status")


def _born(form: AnimalForm, at: int) -> date | None:
    """The date of birth."""
    born = day(form.birth_date, "birthDate")
    # Where the sender's day has begun, it may be tomorrow here.
    if born is not None and born.isoformat() > iso(at + DAY)[:10]:
        raise InvalidInput(
            f"birthDate {born} lies in the future: correct it, or leave it out and tell the age",
            field="birthDate",
        )
    return born


def _age(form: AnimalForm, species: str) -> str:
    """The age band of a listing."""
    age = text(form.age, "age")
    if age:
        return age_id(age, species)
    # Some systems give a kitten's age as its size.
    size = text(form.size, "size")
    return BABY if not size.isdecimal() and age_id(size, species) == BABY else UNKNOWN


def _first_history(
    report: History, listed: int | None, status: AnimalStatus | None, at: int
) -> History:
    known, _odd = weave((), [report] if report else ())
    if not known:
        known = (StatusChange(_THERE, at if listed is None else listed),)
    last = known[-1]
    if status is None or status is last.status:
        return known
    # It was there from when it was listed; if that is not before now, it was never anything else.
    return (*known, StatusChange(status, at)) if last.at < at else (StatusChange(status, at),)


_ALTERED = re.compile(
    r"(?:ja|yes|si)?(spay|neut|castr|kastr|steril|esteril|fixed|altered)"
    r"|intakt|intact|unaltered|enter[oa]|(?:noch|nicht|un|no|sin|not|non)+(?:kastr|castr|e?steril)"
)


def _altered(value: FormAnswer) -> bool | None:
    word = _letters(value) if isinstance(value, str) else ""
    match = _ALTERED.match(word)
    return match[1] is not None if match else flag(value, "altered")


def _check_group(animal: Animal, at: int) -> None:
    group = animal.group_at(at)
    if "-" in group.species + group.size + group.age:
        raise InvalidInput("only a breed may contain '-'", field="species")
    parse_id(group.id, "breed")
    if AnimalGroup.parse(group.id) != group:
        raise InvalidInput("name the species in words, such as dog", field="species")


_NEEDED = frozenset({"id", "species", "source", "externalId", "outcomeAt"})
_MOMENTS = frozenset({"listedAt", "intakeAt", "returnedAt"})


def read_known(
    form: AnimalForm, now: int, unknown: list[tuple[str, str]]
) -> tuple[Listing, list[str]]:
    """Read a listing without the values that cannot be read: they are unknown, and in `unknown`.

    Second, sentences on moments that are left out as they contradict others. InvalidInput if it is
    not known which animal of which species it is, or when it left.
    """
    odd: list[str] = []
    # Each round leaves one value out, until the rest can be read.
    while True:
        try:
            return read_listing(form, now), odd
        except InvalidInput as error:
            name = error.field or ""
            value = getattr(form, FIELDS.get(name, ""), None)
            if name in _NEEDED or value is None:
                raise
            kept = _readable(name, value) if isinstance(value, list) else None
            changes: dict[str, object] = {FIELDS[name]: kept}
            if name in _MOMENTS:
                odd.append(f"{error.message}. Until then {name} does not count")
                changes |= {"listed_at": None} if name == "intakeAt" else {}
            elif all(name != field for field, _value in unknown):
                values = value if isinstance(value, list) else [value]
                unknown += [(name, _written(one)) for one in values if one not in (kept or ())]
            # An animal of unknown status may have left, so it is not shown.
            if name == "status" or (name == "outcome" and not form.outcome_at):
                changes["status"] = AnimalStatus.HOLD
            form = msgspec.structs.replace(form, **changes)


def _readable(name: str, values: Sequence[str]) -> list[str]:
    kept = []
    for one in values:
        with suppress(InvalidInput):
            READERS[name][1]([one], name)
            kept.append(one)
    return kept[: MOST[name]]


def unrecognised(form: AnimalForm) -> Iterator[tuple[str, str]]:
    """The fields with unknown values that read as words of their own, as they are written."""
    try:
        species = read_species(form)
    except InvalidInput:
        yield "species", written_species(form)
        return
    for breed in (form.breed, form.secondary_breed):
        if not _is_known_breed(form, species, _written(breed)):
            yield "breed", _written(breed)
    size, age, sex = _written(form.size), _written(form.age), _written(form.sex)
    if size and size_id(size, species) not in {*SIZE_NAMES, UNKNOWN}:
        yield "size", size
    if age and not form.birth_date and age_id(age, species) not in {*AGE_NAMES, UNKNOWN}:
        yield "age", age
    if read_sex(sex) is None and not says_nothing(sex):
        yield "sex", sex
    if not says_nothing(form.outcome or "") and _outcome_in_words(form.outcome) not in LEFT:
        yield "outcome", _written(form.outcome)


def written_species(form: AnimalForm) -> str:
    """The species and the breed beside it (`OTHER / BAT`): one alone may say nothing."""
    return " / ".join(filter(None, (_written(form.species), _written(form.breed))))


def _is_known_breed(form: AnimalForm, species: str, breed: str) -> bool:
    if breed.lower() == "other" or says_nothing(breed):
        return True
    is_first = breed == _written(form.breed)
    found = read_form_breeds(form, species) if is_first else read_breeds(species, breed)
    known = (species, found.primary) in FAMILIES
    return known or (bool(found.mixed) and DECORATIONS.issuperset(words_of(breed)))


def _written(value: object) -> str:
    """The value as people read it, without what cannot be printed; as much as an id may have."""
    written = "" if value is None else without_markup(str(value)) or ""
    printable = "".join(one if one.isprintable() else " " for one in written)
    return " ".join(printable.split())[:MAX_ID_LENGTH]
