"""Words that visitors of a market write: what they truly like, the strongest most likely."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.markets.draw import Drawn, Session
from pawsonalize.domain.attributes import SPECIES_NAMES

_DOUBT = 0.5  # of the strength of likings: which of them is written
_MOST = 3  # likings in one wish
_SIZES = ("small", "medium-sized", "big", "very big")
_AGES = ("young", "adult", "senior")
_BABIES = ("kitten", "puppy", "baby")
_DISLIKES: Mapping[tuple[str, int], str] = {
    ("size", 0): "not too small",
    ("size", 2): "not too big",
    ("size", 3): "not too big",
    ("age", 0): "not too young",
    ("age", 3): "not too old",
}
_TEMPLATES = ("{}", "a {}", "looking for a {}", "we would love a {}")


def with_searches(drawn: Drawn, share: float) -> tuple[Drawn, dict[int, str]]:
    """The market with so many visits that begin with a search, and their words by visit.

    Such a visit looks for one species. Bots write nothing.
    """
    sessions, words = list[Session](), dict[int, str]()
    for session in drawn.sessions:
        dice = np.random.default_rng((drawn.seed, 10, session.number))
        if session.is_bot or dice.random() >= share:
            sessions.append(session)
            continue
        species = session.species if session.species >= 0 else int(dice.choice(drawn.species))
        sessions.append(replace(session, species=species))
        words[session.number] = _write(drawn, sessions[-1], dice)
    return replace(drawn, sessions=tuple(sessions)), words


def _write(drawn: Drawn, session: Session, dice: np.random.Generator) -> str:
    likes, dislikes = dict[str, str](), list[str]()
    here = np.flatnonzero(drawn.species == session.species)
    for trait, value, is_liked in _likings(drawn, session, dice):
        if not is_liked:
            dislikes.append(_DISLIKES[trait, value % 4])
            continue
        one = drawn.animals[dice.choice(here[drawn.values[trait][here] == value])]
        match trait:
            case "size":
                likes[trait] = _SIZES[value % 4]
            case "age":
                likes[trait] = (_BABIES[session.species], *_AGES)[value % 4]
            case "family":
                likes[trait] = one.breed.replace("_", " ")
            case _:
                likes[trait] = one.colours[0]
    noun = likes.pop("family", SPECIES_NAMES[str(session.species + 1)])
    order = [likes[trait] for trait in ("size", "age", "colour") if trait in likes]
    text = dice.choice(_TEMPLATES).format(" ".join([*order, noun]))
    return ", ".join([text, *dislikes])


def _likings(
    drawn: Drawn, session: Session, dice: np.random.Generator
) -> list[tuple[str, int, bool]]:
    """One of each trait: its name, the value, and whether it is liked."""
    here = drawn.species == session.species
    found = dict[tuple[str, int, bool], float]()
    for trait, values in drawn.values.items():
        for value in np.unique(values[here]).tolist():
            strength = float(drawn.taste[trait][session.visitor, value])
            found[trait, value, True] = strength
            if (trait, value % 4) in _DISLIKES:
                found[trait, value, False] = -strength
    noise = dice.gumbel(0, _DOUBT * drawn.market.taste, len(found))
    strengths = dict(zip(found, noise + list(found.values()), strict=True))
    best = {one[0]: one for one in sorted(strengths, key=strengths.__getitem__)}  # of each trait
    count = min(int(dice.geometric(0.5)), _MOST)
    return sorted(best.values(), key=strengths.__getitem__, reverse=True)[:count]
