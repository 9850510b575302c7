"""What one visitor likes is told apart from what makes anybody open, or ask for, an animal."""

from dataclasses import replace

import numpy as np
import pytest

from pawsonalize.models.recipes.choices.model import ChoiceModel
from pawsonalize.recommend.animals.choices import ChoiceTables, ChoiceWeights, GroupAffinity
from pawsonalize.recommend.animals.pages import Pages
from pawsonalize.recommend.animals.settings import PARTS, Weights
from tests.animal_data import animal
from tests.recommend.animals.available_animals import available_from

GROUPS = ("2-Beagle-2-3", "2-Beagle-3-3")
AVAILABLE = available_from([animal(f"a{n}", group) for n, group in enumerate(GROUPS)])
OPENED = np.array([True, False])
NOWHERE = np.zeros(2)  # of places: the visitor has none


def _page(**factors: float) -> Pages:
    """One of each group, the first of them opened; with these factors of the first."""
    told = np.zeros((2, len(PARTS)))
    for name, value in factors.items():
        told[0, PARTS.index(name)] = value
    return Pages(
        GROUPS,
        ("a0", "a1"),
        told,
        np.arange(2),
        OPENED,
        np.ones(2, np.bool_),
        np.zeros(2, np.bool_),
    )


def _gained(model: ChoiceModel, pages: Pages) -> float:
    """What the visitor is believed to make of the group that was opened, beside the other."""
    tables = ChoiceTables(model, ChoiceWeights.of(model, Weights()))
    found = tables.of(
        AVAILABLE, pages, GroupAffinity(np.array([1.0, 0.0]), np.zeros(2)), NOWHERE
    ).visitor
    return float(found[0] - found[1])


def test_what_makes_visitors_ask_says_nothing_of_what_they_open() -> None:
    plain = ChoiceModel(pages=100)
    asking = ChoiceModel(pages=100, inquiry_weights={"group": 2.0, "distance": 3.0, "far": 1.0})
    pages = _page(distance=-0.5)
    assert _gained(asking, pages) == pytest.approx(_gained(plain, pages), abs=1e-12)


@pytest.mark.parametrize(
    ("factors", "usual"),
    [({"photos": 1.0}, True), ({"seen": 2.0}, False), ({"compatibility": -1.0}, False)],
    ids=["photos", "seen before", "not known to fit"],
)
def test_an_animal_that_anybody_opens_tells_less_of_the_visitor(
    factors: dict[str, float], usual: bool
) -> None:
    model = ChoiceModel(pages=100)
    bare, told = _gained(model, _page()), _gained(model, _page(**factors))
    assert told < bare if usual else told > bare


@pytest.mark.parametrize("trait", ["colour", "shelter"])
def test_a_colour_or_shelter_that_everybody_likes_tells_less_of_the_visitor(trait: str) -> None:
    value = animal("a0", GROUPS[0]).shelter if trait == "shelter" else "Black"
    available = available_from(
        [
            replace(animal("a0", GROUPS[0]), colours=("Black",)),
            replace(animal("a1", GROUPS[1]), colours=("White",), shelter="elsewhere"),
        ]
    )
    found = []
    for loved in (0.0, 2.0):
        model = ChoiceModel(pages=100, levels={trait: {value: loved}})
        tables = ChoiceTables(model, ChoiceWeights.of(model, Weights()))
        visitor = tables.of(
            available, _page(), GroupAffinity(np.zeros(2), np.zeros(2)), NOWHERE
        ).visitor
        found.append(float(visitor[0] - visitor[1]))
    assert found[1] < found[0]
