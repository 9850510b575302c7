"""Wanted attributes in words, as requests write them: their ids, or one clear error."""

from collections.abc import Mapping

from pawsonalize.domain import attributes
from pawsonalize.domain.animals import UNKNOWN
from pawsonalize.domain.breeds import FAMILIES, find_breed
from pawsonalize.domain.errors import InvalidInput

_SPECIES_WITH_BREEDS = sorted({species for species, _ in FAMILIES})


def wanted_species(given: str, field: str) -> str:
    """Id of a species in words or an id; InvalidInput lists the words for any other."""
    return _known(attributes.species_id(given), given, attributes.SPECIES_NAMES, field)


def wanted_size(given: str, field: str) -> str:
    """The same of a size."""
    return _known(attributes.size_id(given), given, attributes.SIZE_NAMES, field)


def wanted_age(given: str, field: str) -> str:
    """The same of an age band."""
    return _known(attributes.age_id(given), given, attributes.AGE_NAMES, field)


def wanted_sex(given: str, field: str) -> str:
    """The same of a sex; neutered and spayed name one too."""
    found = attributes.read_sex(given)
    if found is None:
        raise InvalidInput(f"{field} does not know {given!r}: write female or male", field=field)
    return found[0]


def wanted_breeds(given: str) -> frozenset[str]:
    """The ids that a breed's name may have: the table's, of any species, and its own."""
    named = (find_breed(species, given.replace("_", " ")) for species in _SPECIES_WITH_BREEDS)
    return frozenset({given.replace(" ", "_"), *filter(None, named)})


def _known(found: str, given: str, names: Mapping[str, str], field: str) -> str:
    if found in names or found.lower() == UNKNOWN or any(one.isdigit() for one in found):
        return found
    words = ", ".join(names.values())
    raise InvalidInput(
        f"{field} does not know {given!r}: write one of {words}, or an id", field=field
    )
