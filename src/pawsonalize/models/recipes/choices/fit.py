"""Fit of effects to choices: Newton steps for the common ones, with each animal's own eliminated.

A place is chosen with the chance attention * expit(log-odds). The common effects (intercept,
weights, values of traits, attention) are few, the animals many. Given the common effects, animals
do not depend on each other: their block of the Hessian is diagonal, and the Newton step of all
effects together needs the solution of a system of the common ones alone (a Schur complement).

Effects of animals are normal, with a variance that is learned. What is fitted of each is the mean
and the variance of its posterior (a Gaussian variational approximation; Ormerod and Wand 2012).
What a row says is its mean over that posterior: at one effect that stands for it, chances bend too
little, and what that leaves over in all rows falls on the first place, whose attention is 1 and
cannot take it. Then all others seem to be looked at more.
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from pawsonalize.models.recipes.choices.effects import (
    ANIMAL,
    BOUNDED,
    FACTORS,
    TRAITS,
    VARIANCES,
    Effects,
    ShownPlaces,
    mean_chances,
)
from pawsonalize.models.recipes.data import Bools, Floats

_MAX_STEPS = 60
_ARRIVED, _ENOUGH = 1e-5, 1e-4  # of the size of the gradient at the start; after all steps
_STILL = 2e-3  # change of the log of a variance
_SETTLED = 2  # steps before variances are learned
_LEARNED = 18  # steps after which variances stay: with few animals they creep on for long
_HALVINGS = 10
_DOUBT = 0.5  # the more, the sooner a small variance is taken for none
_LEAST = 1e-3
_SHOWN = 20.0  # at a place, that the attention before any training counts as
_ROWS = 1 << 16  # at once: what is calculated of them stays in the cache


def fit_effects(
    shown: ShownPlaces,
    chosen: Bools,
    attention: Floats,
    variances: Mapping[str, float] = VARIANCES,
    *,
    learn_attention: bool,
    start: Effects | None = None,
    unexplained: float = 0.0,
    prior: Mapping[str, tuple[float, float]] = FACTORS,
) -> Effects:
    """Fit effects to the choices; learned `attention` (places,) stays near this.

    `unexplained` is the variance among visitors beyond the factors; `prior` has the mean and the
    variance of the weight of each factor. From a `start` that is near it takes fewer steps.
    """
    fit = _Fit(
        shown, chosen, attention, variances, unexplained, prior, learn_attention=learn_attention
    )
    if start is not None:
        fit.start_from(start)
    return fit.run()


class _Sums(msgspec.Struct):
    """Sums over rows: the loss, the slopes of the log-likelihood, and Fisher's information.

    They are named by the effects: of columns (the intercept and the factors), of animals, and of
    the places whose attention is learned. Pairs of names are blocks of the information; of animals
    by animals, and of places by places, it has a diagonal alone.
    """

    loss: float
    column: Floats
    animal: Floats
    place: Floats
    column_column: Floats
    column_place: Floats
    place_place: Floats
    animal_column: Floats
    animal_animal: Floats
    animal_place: Floats


class _Point(msgspec.Struct, frozen=True):
    """The effects at a step."""

    columns: Floats
    levels: Floats
    """Of the values of all traits, one trait after the other."""
    places: Floats
    """Logs of the learned attention."""
    animals: Floats
    """Means of their effects."""

    def ahead(self, step: "_Point", share: float, lower: Floats) -> "_Point":
        """The point so much of a step on, within the bounds of weights and attention."""
        columns, levels, places, animals = (
            here + share * there for here, there in zip(self.parts, step.parts, strict=True)
        )
        return _Point(np.maximum(columns, lower), levels, np.minimum(places, 0.0), animals)

    @property
    def parts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.columns, self.levels, self.places, self.animals


class _Fit:
    """The effects that are fitted, and the variances of values and of animals by now."""

    def __init__(
        self,
        shown: ShownPlaces,
        chosen: Bools,
        usual: Floats,
        variances: Mapping[str, float],
        unexplained: float,
        prior: Mapping[str, tuple[float, float]],
        *,
        learn_attention: bool,
    ) -> None:
        from scipy.sparse import csr_array  # noqa: PLC0415 - slow to import, only trainings need it

        self._shown, self._chosen, self._usual, self._names = shown, chosen, usual, tuple(prior)
        counts = [int(shown.traits[name].max(initial=-1)) + 1 for name in TRAITS]
        self._starts = np.cumsum([0, *counts])
        codes = np.array([shown.traits[name] for name in TRAITS]) + self._starts[:-1, None]
        ones, rows = np.ones(codes.size), np.tile(np.arange(shown.animals), len(TRAITS))
        shape = (shown.animals, int(self._starts[-1]))
        self._values = csr_array((ones, (rows, codes.ravel())), shape=shape)
        self._trait_of = np.repeat(np.arange(len(TRAITS)), counts)
        self._is_shown = np.bincount(shown.animal, minlength=shown.animals) > 0
        self._places = int(shown.place.max(initial=0)) + 1 if learn_attention else 0
        # The rate of choices where everybody looks: steps then start near.
        first = chosen[shown.place == 0]
        self._rate = float((first.sum() + 1) / (len(first) + 2))
        means, spreads = np.array([(0.0, np.inf), *prior.values()]).T
        self._mean, self._doubt = means, 1 / spreads
        bounds = [0.0 if name in BOUNDED else -np.inf for name in self._names]
        self._lower = np.array([-np.inf, *bounds])
        self._unexplained = unexplained
        self._usual_variances, self.variances = variances, dict(variances)
        columns = means.copy()
        columns[0] = np.log(self._rate)
        self.at = _Point(
            columns, np.zeros(shape[1]), np.log(usual[: self._places]), np.zeros(shape[0])
        )
        self._left = np.zeros(shape[0])  # variances of the animals' effects, given the choices
        self._first = 0.0

    def start_from(self, found: Effects) -> None:
        """Begin at what was fitted to nearly the same rows."""
        self.variances = dict(found.variances)
        self._first = found.first_slope
        unknown = float(self._lift(self.variances[ANIMAL]))
        self.at = _Point(
            np.array([found.intercept - unknown, *(found.weights[name] for name in self._names)]),
            np.concatenate([found.levels[name] for name in TRAITS]),
            np.log(found.attention[: self._places]),
            np.where(self._is_shown, found.levels[ANIMAL], 0.0),
        )
        self._left = np.where(self._is_shown, self.variances[ANIMAL], 0.0)
        self._left = self._posterior_variances(self._sum(self.at))

    def run(self) -> Effects:
        """Step until the gradient is small and variances stand still."""
        sums, is_still = self._sum(self.at), False
        for steps in range(_MAX_STEPS + 1):
            slope, free = self._slope(sums)
            size = float(np.sqrt(sum(float(part @ part) for part in slope.parts)))
            self._first = self._first or size
            has_arrived = is_still and size <= _ARRIVED * self._first
            if steps == _MAX_STEPS:
                has_arrived = size <= _ENOUGH * self._first
            if has_arrived or steps == _MAX_STEPS:
                break
            inverse = self._inverse(sums, free)
            sums = self._step(sums, slope, inverse, free)
            if steps >= _SETTLED and not is_still:  # then they stay, and the rest can arrive
                is_still = self._learn_variances(sums, inverse, free) or steps >= _LEARNED
                if is_still or not self._left.any():
                    self._left = self._posterior_variances(sums)
                    sums = self._sum(self.at)
        share = size / max(self._first, 1e-300)
        return self._effects(steps, share, has_arrived=has_arrived)

    def _slope(self, sums: _Sums) -> tuple[_Point, Bools]:
        """The slope of the penalised log-likelihood, and which common effects may move."""
        at, variance = self.at, self._variance_of_values()
        columns = sums.column - self._doubt * (at.columns - self._mean)
        levels = self._values.T @ sums.animal - at.levels / variance
        animals = sums.animal - at.animals / self.variances[ANIMAL]
        # As if so much more had been shown at each place, and chosen at the usual rate.
        shows = _SHOWN * self._rate
        places = sums.place + shows * (self._usual[: self._places] - np.exp(at.places))
        # What is at its bound, and pulled beyond it, stays there (an active set).
        free = np.concatenate(
            [
                (at.columns > self._lower) | (columns > 0),
                np.ones(len(levels), np.bool_),
                # Choices show only the product of attention and chance: the first place has 1.
                ((at.places < 0) | (places < 0)) & (np.arange(self._places) > 0),
            ]
        )
        common = np.where(free, np.concatenate([columns, levels, places]), 0.0)
        return self._point(common, np.where(self._is_shown, animals, 0.0)), free

    def _point(self, common: Floats, animals: Floats) -> _Point:
        ends = len(self._mean), len(self._mean) + len(self._trait_of)
        columns, levels, places = np.split(common, ends)
        return _Point(columns, levels, places, animals)

    def _inverse(self, sums: _Sums, free: Bools) -> Floats:
        """The covariance of the common effects that may move, all animals' effects given them."""
        own = 1 / self.variances[ANIMAL]
        every, ends = np.hstack([sums.animal_column, sums.animal_place]), len(self._mean)
        of_values = self._values.T @ every
        whole = np.block(
            [
                [sums.column_column, of_values[:, :ends].T, sums.column_place],
                [
                    of_values[:, :ends],
                    self._between_values(sums.animal_animal),
                    of_values[:, ends:],
                ],
                [sums.column_place.T, of_values[:, ends:].T, np.diag(sums.place_place)],
            ]
        )
        whole -= self._through_animals(sums, 1 / (sums.animal_animal + own))
        shows = _SHOWN * self._rate * np.exp(self.at.places)
        whole.flat[:: len(whole) + 1] += np.concatenate(
            [self._doubt, 1 / self._variance_of_values(), shows]
        )
        return np.asarray(np.linalg.inv(whole[np.ix_(free, free)]))

    def _through_animals(self, sums: _Sums, weights: Floats) -> Floats:
        """The information that common effects share through the animals, with a weight of each."""
        every, ends = np.hstack([sums.animal_column, sums.animal_place]), len(self._mean)
        dense = every.T @ (weights[:, None] * every)
        of_values = self._values.T @ ((weights * sums.animal_animal)[:, None] * every)
        between = self._between_values(weights * sums.animal_animal**2)
        return np.block(
            [
                [dense[:ends, :ends], of_values[:, :ends].T, dense[:ends, ends:]],
                [of_values[:, :ends], between, of_values[:, ends:]],
                [dense[ends:, :ends], of_values[:, ends:].T, dense[ends:, ends:]],
            ]
        )

    def _between_values(self, weights: Floats) -> Floats:
        values = self._values
        return np.asarray(((values.T * weights) @ values).toarray())

    def _step(self, sums: _Sums, slope: _Point, inverse: Floats, free: Bools) -> _Sums:
        """Go a Newton step, or as much of it as makes the choices likelier; the sums there."""
        firm = 1 / (sums.animal_animal + 1 / self.variances[ANIMAL])
        pull = firm * slope.animals
        common = np.concatenate(slope.parts[:3])
        common -= np.concatenate(
            [
                sums.animal_column.T @ pull,
                self._values.T @ (sums.animal_animal * pull),
                sums.animal_place.T @ pull,
            ]
        )
        common[free] = inverse @ common[free]
        common[~free] = 0.0
        step = self._point(common, pull)
        moved = sums.animal_column @ step.columns + sums.animal_place @ step.places
        moved += sums.animal_animal * (self._values @ step.levels)
        step = self._point(common, np.where(self._is_shown, pull - firm * moved, 0.0))
        before, start = sums.loss + self._penalty(self.at), self.at
        for halvings in range(_HALVINGS):
            self.at = start.ahead(step, 0.5**halvings, self._lower)
            sums = self._sum(self.at)
            if sums.loss + self._penalty(self.at) <= before * (1 + 1e-12):
                break
        return sums

    def _penalty(self, at: _Point) -> float:
        apart, own = at.columns - self._mean, at.animals
        total = float(apart @ (self._doubt * apart)) / 2
        total += float(at.levels @ (at.levels / self._variance_of_values())) / 2
        total += float(own @ own) / self.variances[ANIMAL] / 2
        usual = self._usual[: self._places]
        return total - _SHOWN * self._rate * float((usual * at.places - np.exp(at.places)).sum())

    def _variance_of_values(self) -> Floats:
        return np.array([self.variances[name] for name in TRAITS])[self._trait_of]

    def _learn_variances(self, sums: _Sums, inverse: Floats, free: Bools) -> bool:
        """Learn variances from what they leave of each effect; True if none changes any more."""
        left = np.zeros(len(free))
        left[free] = inverse.diagonal()
        count = len(self._mean)
        shown = self._values.T @ self._is_shown > 0
        before = dict(self.variances)
        for trait, name in enumerate(TRAITS):
            here = shown & (self._trait_of == trait)
            variance = left[count : count + len(here)][here]
            self._learn_variance(name, self.at.levels[here], float(variance.sum()))
        here = self._is_shown
        own = self.at.animals[here]
        firm = 1 / (sums.animal_animal + 1 / self.variances[ANIMAL])
        # Beside what is left of an animal's effect given the common ones: what is left of those.
        common = self._through_animals(sums, firm**2)[np.ix_(free, free)]
        self._learn_variance(ANIMAL, own, float(firm[here].sum() + (inverse * common).sum()))
        changes = [abs(np.log(self.variances[name] / one)) for name, one in before.items()]
        return bool(max(changes) < _STILL)

    def _learn_variance(self, name: str, effects: Floats, left: float) -> None:
        # A fixed point of the EM step, the mean of effect^2 + left, that is reached in fewer steps
        # (MacKay 1992).
        usual, now = self._usual_variances[name], self.variances[name]
        known, total = max(len(effects) - left / now, 0.0), float(effects @ effects)
        if name == ANIMAL:  # they differ for sure, as usual if one animal more counts
            self.variances[name] = (total + usual) / (known + 1)
        else:
            # Before any row, a standard deviation is exponential (Simpson et al. 2017): a trait of
            # which nobody makes anything goes to 0, and takes nothing from the others.
            doubt = _DOUBT * float(np.sqrt(now / usual))
            self.variances[name] = max(total / (known + doubt), _LEAST)

    def _posterior_variances(self, sums: _Sums) -> Floats:
        firm = sums.animal_animal + 1 / self.variances[ANIMAL]
        return np.asarray(np.where(self._is_shown, 1 / firm, 0.0))

    def _lift(self, variance: Floats | float) -> Floats:
        # The log of the mean of exp(effect) is above the mean of the effect by half of its
        # variance, and by less where chances are high.
        return np.asarray(variance * max(0.5 - self._rate, 0.0))

    def _effects(self, steps: int, slope: float, *, has_arrived: bool) -> Effects:
        at, unknown = self.at, float(self._lift(self.variances[ANIMAL]))
        levels = dict(zip(TRAITS, np.split(at.levels, self._starts[1:-1]), strict=True))
        levels[ANIMAL] = np.where(
            self._is_shown, at.animals + self._lift(self._left) - unknown, 0.0
        )
        attention = self._usual.copy()
        if self._places:
            learned = np.exp(at.places)
            attention *= min(1.0, learned[-1] / attention[self._places - 1])
            attention[: self._places] = learned
        return Effects(
            intercept=float(at.columns[0]) + unknown,
            weights=dict(zip(self._names, at.columns[1:].tolist(), strict=True)),
            levels=levels,
            variances=self.variances,
            unexplained=self._unexplained,
            attention=attention,
            steps=steps,
            first_slope=self._first,
            slope=slope,
            has_arrived=has_arrived,
        )

    def _sum(self, at: _Point) -> _Sums:
        shown, count, animals, places = (
            self._shown,
            len(self._mean),
            len(at.animals),
            self._places,
        )
        total = _Sums(
            0.0,
            np.zeros(count),
            np.zeros(animals),
            np.zeros(places),
            np.zeros((count, count)),
            np.zeros((count, places)),
            np.zeros(places),
            np.zeros((animals, count)),
            np.zeros(animals),
            np.zeros((animals, places)),
        )
        appeal = self._values @ at.levels + at.animals
        attention = np.concatenate([np.exp(at.places), self._usual[places:]])
        for start in range(0, len(shown), _ROWS):
            self._add(total, slice(start, start + _ROWS), at, appeal, attention)
        return total

    def _add(
        self, total: _Sums, rows: slice, at: _Point, appeal: Floats, attention: Floats
    ) -> None:
        shown, chosen = self._shown, self._chosen[rows]
        animal, place = shown.animal[rows], shown.place[rows]
        columns = np.array([np.ones(len(animal)), *(shown.factors[n][rows] for n in self._names)])
        odds = at.columns @ columns + appeal[animal]
        left = self._left[animal]
        chance, rise = mean_chances(odds, self._unexplained + left)
        seeing = attention[place]
        passed = np.maximum(1 - seeing * chance, 1e-12)
        surprise = np.where(chosen, 1.0, -seeing * chance / passed)  # of the log of the attention
        pull = surprise * rise / chance
        # An animal is one in all its rows: of those chosen, the mean of the log counts, and not
        # the log of the mean (two nodes of Gauss and Hermite).
        pull[chosen] = 0.0
        total.loss -= float(np.log(np.where(chosen, seeing, passed)).sum())
        for node in (-1.0, 1.0):
            at_node = odds[chosen] + node * np.sqrt(left[chosen])
            likely, steep = mean_chances(at_node, self._unexplained)
            total.loss -= float(np.log(likely).sum()) / 2
            pull[chosen] += steep / likely / 2
        cross = seeing * rise / passed
        firm = cross * rise / chance
        weighed = columns * firm
        total.column += columns @ pull
        total.column_column += weighed @ columns.T
        total.animal += np.bincount(animal, pull, len(total.animal))
        for number, column in enumerate(weighed):
            total.animal_column[:, number] += np.bincount(animal, column, len(total.animal))
        total.animal_animal = total.animal_column[:, 0]
        if not self._places:
            return
        total.place += np.bincount(place, surprise, self._places)
        total.place_place += np.bincount(place, seeing * chance / passed, self._places)
        for number, column in enumerate(columns):
            total.column_place[number] += np.bincount(place, column * cross, self._places)
        pairs = animal * self._places + place
        total.animal_place += np.bincount(pairs, cross, total.animal_place.size).reshape(
            total.animal_place.shape
        )
