"""What sorts of adopters there are: a table of our own, the structure behind tastes."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Archetype:
    """What adopters of one sort have in common.

    `share` is their weight among visitors; `species` the mean share of their visits to cats,
    dogs and rabbits; sizes, ages and families are added to the log odds of a choice; `home` the
    chances that kids, dogs and cats live there.
    """

    share: float
    species: tuple[float, float, float]
    sizes: tuple[float, float, float, float]
    ages: tuple[float, float, float, float]
    families: Mapping[str, float]
    home: tuple[float, float, float]


ARCHETYPES = (
    Archetype(  # wants a kitten, or two
        share=17,
        species=(0.93, 0.06, 0.01),
        sizes=(0.5, 0.0, -0.4, -0.6),
        ages=(1.6, 0.4, -0.9, -1.8),
        families={"dlh": 0.4, "dmh": 0.3},
        home=(0.45, 0.15, 0.40),
    ),
    Archetype(  # wants calm company
        share=13,
        species=(0.72, 0.26, 0.02),
        sizes=(0.5, 0.3, -0.4, -1.0),
        ages=(-1.6, -0.3, 0.9, 1.2),
        families={"toy_companion": 0.7, "dsh": 0.4, "hound": 0.3},
        home=(0.08, 0.15, 0.30),
    ),
    Archetype(  # wants a dog for the lap
        share=16,
        species=(0.07, 0.92, 0.01),
        sizes=(1.4, -0.3, -2.0, -2.6),
        ages=(0.5, 0.4, 0.0, -0.4),
        families={"toy_companion": 1.4, "chihuahua": 1.0, "terrier": 0.6},
        home=(0.25, 0.40, 0.15),
    ),
    Archetype(  # runs, hikes, herds
        share=14,
        species=(0.02, 0.98, 0.0),
        sizes=(-1.2, 0.6, 0.7, -0.6),
        ages=(0.2, 1.0, 0.1, -1.6),
        families={"herding": 1.4, "husky_spitz": 1.0, "retriever_sporting": 0.7, "hound": 0.4},
        home=(0.20, 0.40, 0.12),
    ),
    Archetype(  # wants a dog for the children
        share=16,
        species=(0.20, 0.76, 0.04),
        sizes=(-0.2, 0.6, 0.3, -0.8),
        ages=(1.0, 0.6, -0.2, -1.4),
        families={"retriever_sporting": 1.5, "hound": 0.7, "other_dog": 0.4},
        home=(0.90, 0.25, 0.25),
    ),
    Archetype(  # speaks up for the bully breeds
        share=7,
        species=(0.02, 0.98, 0.0),
        sizes=(-1.0, 0.6, 0.6, 0.2),
        ages=(-0.2, 0.4, 0.6, 0.1),
        families={"bully": 2.2, "shepherd_guard": 0.5},
        home=(0.20, 0.45, 0.12),
    ),
    Archetype(  # loves a pedigree cat
        share=6,
        species=(0.96, 0.04, 0.0),
        sizes=(0.0, 0.3, 0.6, 0.8),
        ages=(0.4, 0.6, 0.2, -0.6),
        families={"siamese": 2.0, "other_cat": 2.2, "dlh": 1.0, "dmh": 0.5},
        home=(0.15, 0.10, 0.50),
    ),
    Archetype(  # the bigger the better
        share=6,
        species=(0.02, 0.98, 0.0),
        sizes=(-2.0, -0.8, 0.8, 2.0),
        ages=(0.2, 0.6, 0.2, -0.5),
        families={"shepherd_guard": 1.5, "retriever_sporting": 0.4, "husky_spitz": 0.4},
        home=(0.30, 0.40, 0.15),
    ),
    Archetype(  # looks for who has waited longest
        share=3,
        species=(0.40, 0.55, 0.05),
        sizes=(0.0, 0.1, 0.2, 0.1),
        ages=(-2.0, -0.6, 1.0, 2.2),
        families={"bully": 0.6, "dsh": 0.2},
        home=(0.05, 0.30, 0.30),
    ),
    Archetype(  # small and furry
        share=2,
        species=(0.28, 0.04, 0.68),
        sizes=(0.7, 0.2, -0.5, -0.2),
        ages=(0.6, 0.4, 0.0, -0.6),
        families={},
        home=(0.50, 0.05, 0.10),
    ),
)
