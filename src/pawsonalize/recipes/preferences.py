"""What a visitor is looking for, by the answers to a short quiz: a first profile.

An answer is a facet whose effect is known before anybody has given it: animals that do not match
are less likely. So it needs no training, works from zero data on, and fades like any other facet.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.preferences import PREFERRED, USER_FACET
from pawsonalize.recipes.facets import Facet
from pawsonalize.recipes.items import ItemIndex

_ATTRIBUTE_OF = {USER_FACET + name: attribute for name, attribute in PREFERRED.items()}
_SPLIT = "\x1f"


def is_preference(name: str) -> bool:
    """Whether the facet of that name is an answer of the quiz about the animals themselves."""
    return name in _ATTRIBUTE_OF


def answers(index: ItemIndex) -> Iterator[Facet]:
    """Every answer that some item of the catalogue matches, in a fixed order."""
    described = [_described(name) for name in index.cell_names]
    for name, attribute in _ATTRIBUTE_OF.items():
        found = {cell[attribute] for cell in described if attribute in cell}
        yield from ((name, value) for value in sorted(found))


def wish(index: ItemIndex, answer: Facet, unlike: float) -> NDArray[np.float32]:
    """The log of how likely items of each cell are beside those that match, shape (cells + 1,).

    `unlike` is the likelihood where the answer does not match; cells of the widest level that
    tells are the ones that count, so that nothing counts twice.
    """
    name, value = answer
    attribute = _ATTRIBUTE_OF[name]
    result = np.zeros(index.n_cells + 1, np.float32)
    for cell, cell_name in enumerate(index.cell_names):
        described = _described(cell_name)
        alone = attribute != "species" or len(described) == 1
        if alone and described.get(attribute, value) != value:
            result[cell] = np.log(unlike)
    return result


def _described(cell_name: str) -> dict[str, str]:
    names, *values = cell_name.split(_SPLIT)
    return dict(zip(names.split(" "), values, strict=False))
