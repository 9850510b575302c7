"""Wanted attributes in words, as requests write them: their ids, or one clear error."""

from collections.abc import Callable, Mapping
from functools import partial

from pawsonalize.domain import attributes
from pawsonalize.domain.animals import UNKNOWN
from pawsonalize.domain.breeds import FAMILIES, find_breed
from pawsonalize.domain.errors import InvalidInput

_SPECIES_WITH_BREEDS = sorted({species for species, _ in FAMILIES})


def _known(read: Callable[[str], str], names: Mapping[str, str], given: str, field: str) -> str:
    found = read(given)
    if found in names or found.lower() == UNKNOWN or any(one.isdigit() for one in found):
        return found
    words = ", ".join(names.values())
    raise InvalidInput(
        f"{field} does not know {given!r}: write one of {words}, or an id", field=field
    )


wanted_species = partial(_known, attributes.species_id, attributes.SPECIES_NAMES)
"""Id of a species in words or an id, named in a field; InvalidInput lists the words."""
wanted_size = partial(_known, attributes.size_id, attributes.SIZE_NAMES)
wanted_age = partial(_known, attributes.age_id, attributes.AGE_NAMES)


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
