"""Wanted animals, in words or ids: one reading for the quiz and for rules."""

from collections.abc import Mapping

from pawsonalize.domain.ages import AGE_NAMES, age_id
from pawsonalize.domain.animals import UNKNOWN
from pawsonalize.domain.breeds import FAMILIES, find_breed
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.sexes import read_sex
from pawsonalize.domain.sizes import SIZE_NAMES, size_id
from pawsonalize.domain.species import SPECIES_NAMES, species_id

_SPECIES_WITH_BREEDS = sorted({species for species, _ in FAMILIES})


def wanted_species(given: str, field: str) -> str:
    """The id of a species; InvalidInput lists the words for one that nobody knows."""
    return _known(species_id(given), given, SPECIES_NAMES, field)


def wanted_size(given: str, field: str) -> str:
    """The same of a size."""
    return _known(size_id(given), given, SIZE_NAMES, field)


def wanted_age(given: str, field: str) -> str:
    """The same of an age band."""
    return _known(age_id(given), given, AGE_NAMES, field)


def wanted_sex(given: str, field: str) -> str:
    """The same of a sex; neutered and spayed name one too."""
    found = read_sex(given)
    if found is None:
        raise InvalidInput(f"{field} does not know {given!r}: write female or male", field=field)
    return found[0]


def breeds_named(given: str) -> frozenset[str]:
    """The ids that a breed's name may have: the table's, of any species, and its own."""
    named = (find_breed(species, given.replace("_", " ")) for species in _SPECIES_WITH_BREEDS)
    return frozenset({given.replace(" ", "_"), *filter(None, named)})


def _known(found: str, given: str, names: Mapping[str, str], field: str) -> str:
    """An id of ours, the site's own (which has a digit), or the one for unknown."""
    if found in names or found.lower() == UNKNOWN or any(one.isdigit() for one in found):
        return found
    words = ", ".join(names.values())
    raise InvalidInput(
        f"{field} does not know {given!r}: write one of {words}, or an id", field=field
    )
