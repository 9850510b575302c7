"""Finds unknown values of a listing, so that you can say what they mean."""

from collections.abc import Iterator

from pawsonalize.domain.ages import AGE_NAMES, age_id
from pawsonalize.domain.animals import UNKNOWN
from pawsonalize.domain.breed_spelling import DECORATIONS, words_of
from pawsonalize.domain.breeds import FAMILIES, read_breeds
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.sexes import read_sex, says_no_sex
from pawsonalize.domain.sizes import SIZE_NAMES, size_id
from pawsonalize.engine.ingest.inventory.form import AnimalForm, text
from pawsonalize.engine.ingest.inventory.kinds import read_species, told_breeds, without_markup
from pawsonalize.engine.ingest.inventory.listing import knows_outcome, read_status

MAPPED = ("species", "breed", "size", "age", "sex", "status", "outcome")
"""The fields whose values a mapping file can say the meaning of."""

_NO_BREED = frozenset({"", "unknown", "unk", "none", "na", "other", "n/a", "not specified"})


def unrecognised(form: AnimalForm) -> Iterator[tuple[str, str]]:
    """The fields with unknown values, as they are written."""
    try:
        species = read_species(form)
    except InvalidInput:
        yield "species", species_as_told(form)
        return
    for told in (form.breed, form.secondary_breed):
        if not _is_known_breed(form, species, _told(told)):
            yield "breed", _told(told)
    size, age, sex = _told(form.size), _told(form.age), _told(form.sex)
    if size and size_id(size) not in {*SIZE_NAMES, UNKNOWN}:
        yield "size", size
    if age and not form.birth_date and age_id(age, species) not in {*AGE_NAMES, UNKNOWN}:
        yield "age", age
    if read_sex(sex) is None and not says_no_sex(sex):
        yield "sex", sex
    if form.status is not None and not _is_status(form.status):
        yield "status", _told(form.status)
    if not knows_outcome(form.outcome):
        yield "outcome", _told(form.outcome)


def species_as_told(form: AnimalForm) -> str:
    """The species and the breed beside it (`OTHER / BAT`): one alone may say nothing."""
    return " / ".join(filter(None, (_told(form.species), _told(form.breed))))


def _is_known_breed(form: AnimalForm, species: str, told: str) -> bool:
    if told.lower() in _NO_BREED:
        return True
    found = told_breeds(form, species) if told == _told(form.breed) else read_breeds(species, told)
    known = (species, found.primary) in FAMILIES
    return known or (bool(found.mixed) and DECORATIONS.issuperset(words_of(told)))


def _is_status(told: str) -> bool:
    try:
        read_status(told)
    except InvalidInput:
        return False
    return True


def _told(value: str | int | None) -> str:
    try:
        return text(without_markup(value) if isinstance(value, str) else value, "value")
    except InvalidInput:  # too long, or not printable: the row is rejected for that
        return ""
