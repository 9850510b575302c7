"""Reads listings of animals and their stays into records."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import msgspec

from pawsonalize.animals.animal import UNKNOWN, Animal
from pawsonalize.animals.animal_form import (
    FIELDS,
    MOST,
    READERS,
    AnimalForm,
    FormAnswer,
    day,
    flag,
    read_form_breeds,
    read_moment,
    read_species,
    text,
    without_markup,
)
from pawsonalize.animals.statuses import (
    LEFT,
    AnimalStatus,
    History,
    StatusChange,
    status_in_words,
    weave,
)
from pawsonalize.core.attributes import (
    AGE_NAMES,
    BABY,
    SIZE_NAMES,
    age_id,
    read_sex,
    says_nothing,
    size_id,
)
from pawsonalize.core.breed_spelling import DECORATIONS, plain_letters, words_of
from pawsonalize.core.breeds import FAMILIES, read_breeds
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import MAX_ID_LENGTH, parse_id
from pawsonalize.core.times import DAY, iso
from pawsonalize.core.words import by_word

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
        **_facts(form),
    )
    _check_group(animal, at)
    return Listing(animal, status, listed)


def _facts(form: AnimalForm) -> dict[str, Any]:
    """The values that are read without a look at other fields, by the attributes of an animal."""
    values = {name: read(getattr(form, name), sent) for sent, (name, read) in READERS.items()}
    return {name: value for name, value in values.items() if value is not None}


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
    found = _ALTERED.match(word)
    return found[1] is not None if found else flag(value, "altered")


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
