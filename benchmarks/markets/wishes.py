"""Words that visitors of a market write: what they truly like, the strongest most likely."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from benchmarks.markets.draw import Drawn, Floats, Session
from pawsonalize.core.attributes import SPECIES_NAMES

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


class Liking(NamedTuple):
    """A value of a trait that a visitor likes, or does not."""

    trait: str
    value: int
    is_liked: bool


class Written(NamedTuple):
    """A search: its words, and the likings behind them, the strongest first."""

    text: str
    likings: tuple[Liking, ...]


def with_searches(drawn: Drawn, share: float) -> tuple[Drawn, dict[int, Written]]:
    """The market with so many visits that begin with a search, and those searches by visit.

    Such a visit looks for one species. Bots write nothing.
    """
    sessions, words = list[Session](), dict[int, Written]()
    for session in drawn.sessions:
        dice = np.random.default_rng((drawn.seed, 10, session.number))
        if session.is_bot or dice.random() >= share:
            sessions.append(session)
            continue
        species = session.species if session.species >= 0 else int(dice.choice(drawn.species))
        sessions.append(replace(session, species=species))
        words[session.number] = _write(drawn, sessions[-1], dice)
    return replace(drawn, sessions=tuple(sessions)), words


def chances(
    drawn: Drawn, species: int, likings: Sequence[Liking], tastes: Mapping[str, Floats]
) -> Floats:
    """The chance of these likings for each of such tastes, shape (tastes,).

    The strongest of strengths with Gumbel noise are a choice by Plackett and Luce.
    """
    every = _every_liking(drawn, species)
    odds = np.exp(_strengths(every, tastes) / (_DOUBT * drawn.market.taste))
    chance, left = np.ones(len(odds)), np.ones(len(every), np.bool_)
    for liking in likings:
        chance *= odds[:, every.index(liking)] / odds[:, left].sum(axis=1)
        left &= [one.trait != liking.trait for one in every]
    return chance


def _write(drawn: Drawn, session: Session, dice: np.random.Generator) -> Written:
    likes, dislikes = dict[str, str](), list[str]()
    here = np.flatnonzero(drawn.species == session.species)
    likings = _likings(drawn, session, dice)
    for trait, value, is_liked in likings:
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
    return Written(", ".join([text, *dislikes]), likings)


def _likings(drawn: Drawn, session: Session, dice: np.random.Generator) -> tuple[Liking, ...]:
    """At most one of each trait."""
    every = _every_liking(drawn, session.species)
    own = _strengths(every, {name: one[[session.visitor]] for name, one in drawn.taste.items()})[0]
    noise = dice.gumbel(0, _DOUBT * drawn.market.taste, len(every))
    strengths = dict(zip(every, noise + own, strict=True))
    best = {one.trait: one for one in sorted(strengths, key=strengths.__getitem__)}
    count = min(int(dice.geometric(0.5)), _MOST)
    return tuple(sorted(best.values(), key=strengths.__getitem__, reverse=True)[:count])


def _every_liking(drawn: Drawn, species: int) -> list[Liking]:
    """All that a visitor who looks for that species may write of."""
    found, here = list[Liking](), drawn.species == species
    for trait, values in drawn.values.items():
        for value in np.unique(values[here]).tolist():
            found.append(Liking(trait, value, is_liked=True))
            if (trait, value % 4) in _DISLIKES:
                found.append(Liking(trait, value, is_liked=False))
    return found


def _strengths(likings: Sequence[Liking], tastes: Mapping[str, Floats]) -> Floats:
    """Of each of the tastes (tastes, values of a trait), shape (tastes, likings)."""
    signs = np.array([1.0 if one.is_liked else -1.0 for one in likings])
    return signs * np.column_stack([tastes[one.trait][:, one.value] for one in likings])
