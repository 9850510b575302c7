"""From a listing of an animal and its stay to its record."""

from dataclasses import dataclass
from datetime import date

from pawsonalize.domain.ages import BABY, age_id
from pawsonalize.domain.animals import UNKNOWN, Animal, GoodWith
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.ids import MAX_ID_LENGTH, parse_id
from pawsonalize.domain.limits import check_length
from pawsonalize.domain.sexes import read_sex
from pawsonalize.domain.sizes import size_id
from pawsonalize.domain.statuses import (
    STATUS_WORDS,
    AnimalStatus,
    History,
    PastStay,
    StatusChange,
    with_stay,
)
from pawsonalize.domain.times import DAY, iso, parse_moment
from pawsonalize.engine.ingest.event_form import Moment
from pawsonalize.engine.ingest.inventory.form import (
    MAX_PHOTOS,
    AnimalForm,
    Told,
    day,
    long_text,
    number,
    text,
)
from pawsonalize.engine.ingest.inventory.kinds import read_species, told_breeds, without_markup

# How the words of outcomes begin in shelters' records, letters alone. Adoption is the one outcome
# that is waited for; with all others the animal is no longer listed.
_ADOPTED = ("adopt",)
_REMOVED = (
    *("removed", "transfer", "foster", "reclaim", "returntoowner", "returnedtoowner", "rto"),
    *("redeem", "euth", "died", "death", "dead", "dispos", "doa", "escap", "stolen", "lost"),
    *("missing", "release", "relocat", "rescue", "vet", "service", "tnr", "snr", "rtf"),
    *("returntofield", "other"),
)

_GONE = AnimalStatus.REMOVED


def read_stay(form: AnimalForm, status: AnimalStatus | None, now: int) -> PastStay:
    """The stay of a listing; InvalidInput for an unknown outcome, or one that cannot have been.

    If only the intake is sent, the animal is listed since then.
    """
    listed = read_moment(form.listed_at, "listedAt")
    intake = read_moment(form.intake_at, "intakeAt")
    if listed is None and intake is not None:
        listed = min(intake, now)
    ended = read_moment(form.outcome_at, "outcomeAt")
    if ended is None:
        return PastStay(listed)
    if ended > now:
        raise InvalidInput(f"outcomeAt {form.outcome_at} lies in the future", field="outcomeAt")
    if listed is not None and ended < listed:
        raise InvalidInput(
            f"outcomeAt {form.outcome_at} lies before the intake: correct one of the two",
            field="outcomeAt",
        )
    back = read_moment(form.returned_at, "returnedAt")
    if back is not None and back < ended:
        raise InvalidInput(
            f"returnedAt {form.returned_at} lies before outcomeAt: correct one of the two",
            field="returnedAt",
        )
    return PastStay(listed, StatusChange(read_outcome(form, status), ended), back)


def read_moment(told: Moment | None, field: str) -> int | None:
    """A moment, or None if none was sent; InvalidInput names a value that is none."""
    if told is None or (isinstance(told, str) and not told.strip()):
        return None
    try:
        return parse_moment(told, field)
    except InvalidInput as error:
        raise InvalidInput(f"{error.message}, not {told}", field=field) from error


def read_outcome(form: AnimalForm, status: AnimalStatus | None) -> AnimalStatus:
    """The status after an outcome; a stay that ended without a word was no adoption."""
    word = _letters(form.outcome)
    if word.startswith(_ADOPTED):
        return AnimalStatus.ADOPTED
    if not knows_outcome(form.outcome):
        raise InvalidInput(
            f"nobody knows the outcome {form.outcome!r}: write adopted, or removed for all others,"
            " or say with --map what it means",
            field="outcome",
        )
    return AnimalStatus.ADOPTED if status is AnimalStatus.ADOPTED and not word else _GONE


def knows_outcome(outcome: str | None) -> bool:
    """Whether the word is one for an adoption, for another outcome, or none at all."""
    word = _letters(outcome)
    return not word or word.startswith(_ADOPTED + _REMOVED)


def _letters(text: str | None) -> str:
    return "".join(letter for letter in (text or "").lower() if letter.isalnum())


_MAX_ADDRESS_CHARS = 2_000
_MAX_FEE = 1_000_000


@dataclass(frozen=True, slots=True)
class Listing:
    """An animal as listed now, with its status and its stay if they were sent.

    The history of `animal` is that of a new animal.
    """

    animal: Animal
    status: AnimalStatus | None
    stay: PastStay


def read_listing(form: AnimalForm, at: int) -> Listing:
    """Read a listing as of that moment (ms since 1970); InvalidInput names a bad field."""
    status = read_status(form.status) if form.status is not None else None
    stay = read_stay(form, status, at)
    if stay.ending is not None:
        status = None  # it was so then; what it is now, the rest of its history says
    elif form.outcome and status is None:
        status = read_outcome(form, status)
    species = read_species(form)
    breeds = told_breeds(form, species)
    born = _born(form, at)
    sex, altered = read_sex(text(form.sex, "sex")) or (UNKNOWN, None)
    animal = Animal(
        animal_id=parse_id(form.id, "id"),
        species=species,
        breed=breeds.primary,
        size=size_id(text(form.size, "size")) or UNKNOWN,
        age=UNKNOWN if born else _age(form, species),
        born=born,
        name=text(without_markup(form.name), "name"),
        history=_first_history(stay, status, at),
        source=text(form.source, "source"),
        external_id=text(parse_id(form.external_id or form.id, "externalId"), "externalId"),
        shelter=text(without_markup(form.shelter), "shelter"),
        bonded_unit=parse_id(form.bonded_unit, "bondedUnit") if form.bonded_unit else None,
        secondary_breed=breeds.secondary,
        mixed=breeds.mixed,
        sex=sex,
        coat=text(form.coat, "coat"),
        colours=_texts(form.colours, "colours", 10, MAX_ID_LENGTH),
        altered=altered if form.altered is None else form.altered,
        house_trained=form.house_trained,
        special_needs=form.special_needs,
        good_with_kids=_good_with(form.good_with_kids, "goodWithKids"),
        good_with_dogs=_good_with(form.good_with_dogs, "goodWithDogs"),
        good_with_cats=_good_with(form.good_with_cats, "goodWithCats"),
        photos=_texts(form.photos, "photos", MAX_PHOTOS, _MAX_ADDRESS_CHARS),
        url=_page(form.url),
        priority=number(form.priority, "priority", 0, 1) or 0.0,
        fee=number(form.fee, "fee", 0, _MAX_FEE),
        latitude=number(form.latitude, "latitude", -90, 90),
        longitude=number(form.longitude, "longitude", -180, 180),
        postcode=text(form.postcode, "postcode"),
        description=long_text(without_markup(form.description), "description"),
        intake_at=read_moment(form.intake_at, "intakeAt"),
    )
    _check_group(animal, at)
    return Listing(animal, status, stay)


def read_status(given: str) -> AnimalStatus:
    """A status by its name or another word for it; InvalidInput names all."""
    word = "".join(letter for letter in given.lower() if letter.isalnum())
    if word in STATUS_WORDS:
        return STATUS_WORDS[word]
    try:
        return AnimalStatus(given.strip().lower())
    except ValueError as error:
        known = ", ".join(AnimalStatus)
        raise InvalidInput(
            f"status must be one of {known}, not {given.strip()!r}", field="status"
        ) from error


def _born(form: AnimalForm, at: int) -> date | None:
    """The date of birth; where the sender's day has begun, it may be tomorrow here."""
    born = day(form.birth_date, "birthDate")
    if born is not None and born.isoformat() > iso(at + DAY)[:10]:
        raise InvalidInput(
            f"birthDate {born} lies in the future: correct it, or leave it out and tell the age",
            field="birthDate",
        )
    return born


def _age(form: AnimalForm, species: str) -> str:
    """The age band of a listing; some systems give a kitten's age as its size."""
    told = text(form.age, "age")
    if told:
        return age_id(told, species)
    size = text(form.size, "size")
    return BABY if not size.isdecimal() and age_id(size, species) == BABY else UNKNOWN


def _first_history(stay: PastStay, status: AnimalStatus | None, at: int) -> History:
    if stay.ending is not None:
        return with_stay((), stay)
    listed = at if stay.since is None else stay.since
    there = StatusChange(AnimalStatus.AVAILABLE, listed)
    if status in {None, AnimalStatus.AVAILABLE}:
        return (there,)
    assert status is not None
    now = StatusChange(status, at)
    return (there, now) if listed < at else (now,)


def _good_with(told: Told, field: str) -> GoodWith:
    if told is None or isinstance(told, bool):
        return {None: GoodWith.UNKNOWN, True: GoodWith.YES, False: GoodWith.NO}[told]
    try:
        return GoodWith(told.strip().lower() or GoodWith.UNKNOWN)
    except ValueError as error:
        known = ", ".join(GoodWith)
        raise InvalidInput(f"{field} must be true, false or one of {known}", field=field) from error


def _texts(told: list[str] | None, field: str, most: int, limit: int) -> tuple[str, ...]:
    check_length(field, len(told or ()), most, "entries")
    return tuple(found for one in told or () if (found := text(one, field, limit)))


def _page(told: str | None) -> str:
    address = text(told, "url", _MAX_ADDRESS_CHARS)
    if address and not address.lower().startswith(("http://", "https://")):
        raise InvalidInput(f"url must begin with https://, not {address[:40]!r}", field="url")
    return address


def _check_group(animal: Animal, at: int) -> None:
    group = animal.group_at(at)
    if "-" in group.species + group.size + group.age:
        raise InvalidInput("only a breed may contain '-'", field="species")
    parse_id(group.id, "breed")
    if AnimalGroup.parse(group.id) != group:
        raise InvalidInput("name the species in words, such as dog", field="species")
