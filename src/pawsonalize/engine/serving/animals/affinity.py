"""The affinity for groups: what a visitor likes more than others do."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.preferences import PREFERRED, USER_FACET
from pawsonalize.domain.times import HOUR
from pawsonalize.domain.traits import TRAITS, Trait
from pawsonalize.engine.serving.animals.available import Codes
from pawsonalize.engine.serving.animals.settings import AffinitySettings
from pawsonalize.engine.serving.recommender import GroupScores
from pawsonalize.recipes.classes import LatentClasses
from pawsonalize.recipes.contract import Context

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# An item that is no animal group has no traits, and a species of its own.
_NO_GROUP = AnimalGroup("", "", "", "")
_ASKED = {f"{USER_FACET}{question}": trait for question, trait in PREFERRED.items()}
_KEPT = 4  # classes at once: a recommender's and a reranker's, and what replaces them


class TraitAffinity:
    """The part of the affinity that comes from what a visitor looks at, and from the quiz.

    For each of species, breed, family, size and age:

        part = weight * ln((n_v + doubt * e_v) / ((n + doubt) * a_v ** (1 - usual) * l_v ** usual))

        n_v, n  the visitor's events with this value, and all (of this species)
        e_v     the share of the value in the events of similar visitors
        a_v     its share of the available animals
        l_v     its share of what all visitors look at

    The model's classes give e_v and l_v. Without classes, and for values that they do not know,
    both are a_v. A group that does not match an answer of the quiz loses wish * doubt / (doubt +
    events). The available animals are counted when animals come or go.
    """

    def __init__(self) -> None:
        self._traits: Mapping[str, _TraitValues] = {}
        self._codes: Codes | None = None
        self._there: Counts = np.empty(0, np.int64)

    def of(
        self,
        context: Context,
        codes: Codes,
        there: Counts,
        settings: AffinitySettings,
        classes: LatentClasses | None = None,
    ) -> Floats:
        """By the code of each group; all 0 for a visitor without events and quiz answers.

        `there` is how many animals of each group are available, shape (groups,).
        """
        affinity = np.zeros(len(codes))
        if not context.events and not context.facets:
            return affinity
        if codes is not self._codes or there is not self._there:
            self._count(codes, there)
        seen = [group for one in context.events if (group := _parsed(one.item)) is not None]
        expected = None if classes is None else classes.expected(context)
        for trait, weight in zip(self._traits.values(), settings.weights(), strict=True):
            lifts = trait.lifts(seen, settings, classes, expected)
            affinity += weight * lifts[trait.of_group]
        wish = settings.wish * settings.doubt / (settings.doubt + len(seen))
        for name, values in _wanted(context).items():
            trait = self._traits[name]
            affinity -= wish * trait.others(values)[trait.of_group]
        return affinity

    def _count(self, codes: Codes, there: Counts) -> None:
        if codes is not self._codes:
            self._codes = codes
            self._traits = {name: _TraitValues(name, read) for name, read in TRAITS.items()}
        for trait in self._traits.values():
            trait.count(codes.names, there)
        self._there = there


def _wanted(context: Context) -> Mapping[str, set[str]]:
    """The answers of the quiz, by trait."""
    wanted: dict[str, set[str]] = {}
    for name, value in context.facets:
        if name in _ASKED:
            wanted.setdefault(_ASKED[name], set()).add(value)
    return wanted


class _TraitValues:
    """One trait, such as breed or size, with the groups' values."""

    def __init__(self, name: str, read: Callable[[AnimalGroup], Trait]) -> None:
        self._name = name
        self._read = read
        self._values: dict[Trait, int] = {}
        self._wholes = Codes()
        self._whole_of: Counts = np.empty(0, np.int64)  # each value's
        self._share = np.empty(0)
        self._known: LRUCache[LatentClasses, tuple[Counts, Floats]] = LRUCache(_KEPT)
        self.of_group: Counts = np.empty(0, np.int64)

    def count(self, groups: Sequence[str], there: Counts) -> None:
        """Count the available animals of each group; groups may be added, but never change."""
        read = (self._read(_parsed(group) or _NO_GROUP) for group in groups[len(self.of_group) :])
        new = [self._values.setdefault(value, len(self._values)) for value in read]
        self.of_group = np.concatenate([self.of_group, np.array(new, np.int64)])
        kinds = [
            self._wholes[whole] for whole, _ in islice(self._values, len(self._whole_of), None)
        ]
        self._whole_of = np.concatenate([self._whole_of, np.array(kinds, np.int64)])
        values = np.bincount(self.of_group, there, len(self._values))
        wholes = np.bincount(self._whole_of, values, len(self._wholes))
        # Half an animal more, so that a value without available animals is rare, not impossible.
        self._share = (values + 0.5) / (wholes[self._whole_of] + 1)
        self._known.clear()

    def lifts(
        self,
        seen: Sequence[AnimalGroup],
        settings: AffinitySettings,
        classes: LatentClasses | None,
        expected: Floats | None,
    ) -> Floats:
        """By value: the log of its share of the visitor's events over its usual share.

        `expected` are the shares that the classes expect of the visitor.
        """
        like = usual = self._share
        if classes is not None and expected is not None:
            code, usual = self._known_to(classes, settings.usual)
            like = np.where(code >= 0, expected[code], like)
        keys = [self._read(group) for group in seen]
        codes = [self._values[key] for key in keys if key in self._values]
        values = np.bincount(np.array(codes, np.int64), minlength=len(self._values))
        kinds = [self._wholes[name] for name, _ in keys if name in self._wholes]
        wholes = np.bincount(np.array(kinds, np.int64), minlength=len(self._wholes))
        doubt = settings.doubt
        return np.log((values + doubt * like) / ((wholes[self._whole_of] + doubt) * usual))

    def others(self, wanted: Collection[str]) -> NDArray[np.bool_]:
        """By value: whether it is none of the wanted ones."""
        return np.array([value not in wanted for _, value in self._values], np.bool_)

    def _known_to(self, classes: LatentClasses, usual: float) -> tuple[Counts, Floats]:
        """By value: its code in the classes, -1 if they do not know it, and its usual share."""
        known = self._known.get(classes)
        if known is None:
            found = [classes.values.get((self._name, value), -1) for value in self._values]
            code = np.array(found, np.int64)
            looked_at = np.where(code >= 0, classes.usual[code], self._share)
            known = code, self._share ** (1 - usual) * looked_at**usual
            self._known[classes] = known
        return known


@lru_cache(maxsize=65_536)
def _parsed(item: str) -> AnimalGroup | None:
    return AnimalGroup.parse(item)


_OUTSIDE = -1


@dataclass(slots=True)
class Catalogued:
    """Where groups stand in a model's catalogue; cached until either changes."""

    item_ids: tuple[str, ...] = ()
    codes: Codes | None = None
    positions: dict[str, int] = field(default_factory=dict)
    where: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def scores(
        self, groups: GroupScores, codes: Codes, present: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The score of each group, by its code; groups without available animals may have none."""
        where = self._where(groups.served.model.item_ids, codes)
        catalogue = np.append(np.asarray(groups.scores, np.float64), 0.0)
        scores: NDArray[np.float64] = catalogue[where]
        outside = present[where[present] == _OUTSIDE]
        if len(outside):
            strangers = [codes.names[code] for code in outside.tolist()]
            scores[outside] = groups.served.model.score(groups.context, strangers)
        return scores

    def _where(self, item_ids: tuple[str, ...], codes: Codes) -> NDArray[np.int64]:
        # Both are known by their identity, as long as they are kept here.
        if item_ids is not self.item_ids:
            self.item_ids, self.codes = item_ids, None
            self.positions = {item: place for place, item in enumerate(item_ids)}
        if codes is not self.codes:
            self.codes, self.where = codes, np.empty(0, np.int64)
        if len(codes) > len(self.where):
            new = [self.positions.get(name, _OUTSIDE) for name in codes.names[len(self.where) :]]
            self.where = np.concatenate([self.where, np.array(new, np.int64)])
        return self.where


MOST = 5.0
"""The model's part of an affinity lies between minus this and this."""

_LEAST_SCORE = 1e-12


class GroupAffinity:
    """The log of a visitor's score for a group over an unknown visitor's, at most `MOST`.

    So popularity counts for nothing: with it, animals that few visitors like would wait until
    somebody looks past the first page. A group that the model does not know has 0.
    """

    def __init__(self) -> None:
        self._versions: LRUCache[str, _OfVersion] = LRUCache(_KEPT)

    def of(
        self, groups: GroupScores, codes: Codes, present: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """By the code of each group; groups without available animals may have none."""
        if not groups.context.events and not groups.context.facets:
            return np.zeros(len(codes))
        kept = self._of(groups.served.version.name)
        of_nobody = kept.of_nobody(groups)
        if groups.stood_in or of_nobody.stood_in:  # popularity says nothing of the visitor
            return np.zeros(len(codes))
        visitor = kept.catalogued.scores(groups, codes, present)
        nobody = kept.catalogued.scores(of_nobody, codes, present)
        return np.clip(_log(visitor) - _log(nobody), -MOST, MOST)

    def in_general(
        self, groups: GroupScores, codes: Codes, present: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """By the code of each group: how likely it is beside the others that have animals.

        For an unknown visitor, as a log, at most `MOST`.
        """
        if not len(present):
            return np.zeros(len(codes))
        kept = self._of(groups.served.version.name)
        logs = _log(kept.catalogued.scores(kept.of_nobody(groups), codes, present))
        lifts: NDArray[np.float64] = np.clip(logs - logs[present].mean(), -MOST, MOST)
        return lifts

    def _of(self, version: str) -> "_OfVersion":
        known = self._versions.get(version)
        if known is None:
            known = self._versions[version] = _OfVersion()
        return known


@dataclass(slots=True)
class _OfVersion:
    """What is kept of one solution version."""

    catalogued: Catalogued = field(default_factory=Catalogued)
    unknown: tuple[int, GroupScores] | None = None
    """The scores for an unknown visitor, and the hour that they are as of."""

    def of_nobody(self, groups: GroupScores) -> GroupScores:
        """The scores for an unknown visitor, as of this hour."""
        hour, catalogue = groups.context.now // HOUR, groups.served.model.item_ids
        kept = self.unknown
        if kept is None or kept[0] != hour or kept[1].served.model.item_ids is not catalogue:
            context = replace(groups.context, events=(), facets=(), visitor=None, now=hour * HOUR)
            scores = groups.served.model.score_catalogue(context)
            kept = hour, GroupScores(groups.served, context, scores)
            if not kept[1].stood_in:  # not for an hour, that is
                self.unknown = kept
        return kept[1]


def _log(scores: NDArray[np.float32] | Floats) -> NDArray[np.float64]:
    return np.log(np.maximum(np.asarray(scores, np.float64), _LEAST_SCORE))
