"""The model of choices, fitted to pages and stored with a solution version."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import field

from pawsonalize.core.errors import CorruptArtefact, TrainingFailed
from pawsonalize.models.calibration import Calibration
from pawsonalize.models.plays import Plays
from pawsonalize.models.recipes.choices.calibration import are_later_visits, calibrate
from pawsonalize.models.recipes.choices.effects import (
    ANIMAL,
    FACTORS,
    TRAITS,
    VARIANCES,
    Effects,
    ShownPlaces,
    gradient,
    log_odds,
    mean_chances,
    usual_attention,
)
from pawsonalize.models.recipes.choices.fit import fit_effects
from pawsonalize.models.recipes.choices.own_effects import (
    ANYTHING,
    VISITOR_VARIANCES,
    animal_effects,
    are_eager,
)
from pawsonalize.models.recipes.choices.picks import DEFAULT_PICKS, PickScale
from pawsonalize.models.recipes.choices.visitor_variances import VisitorPairs
from pawsonalize.models.recipes.data import Arrays, Bools, Floats
from pawsonalize.models.recipes.late_scipy import special

MIN_OPENED = 50  # with fewer animals opened on pages than this, nothing is learned
_MIN_INQUIRIES = 50
_MIN_EXPLORED = 500  # places that chance alone filled: fewer say too little of attention
_HELD_OUT = 0.1
_ROUNDS = 2  # of effects and variances, each given the other
_UNEXPLAINED = 1.0  # in the first
_ARRAY = "choices"
_OF_WORDS = ("relevance", "quiz")  # factors by what visitors write and answer, which few do

_UNFITTED = {name: mean for name, (mean, _) in FACTORS.items()}
_INQUIRY_PRIOR: Mapping[str, tuple[float, float]] = dict.fromkeys(
    ("group", "visitor", "distance", "far", "compatibility", "quiz"), (0.0, 0.1)
)
_INQUIRY_VARIANCES = dict.fromkeys(VARIANCES, 0.03)


class AnimalCounts(NamedTuple):
    """Counts of an animal's places on pages and their results: see `animal_effects`."""

    opened: float = 0.0
    looked: float = 0.0
    """The sum of the attention of its places."""
    expected: float = 0.0
    """The openings that so many looks at an animal with its attributes usually bring."""


class ChoiceModel(msgspec.Struct, frozen=True):
    """Log-odds to open an animal, then to inquire, added, as both are rare. Unfitted by default."""

    intercept: float = -2.5  # to open an animal of which nothing is known
    weights: dict[str, float] = field(default_factory=lambda: dict(_UNFITTED))
    """By the names of `FACTORS`; to open."""
    inquiry_weights: dict[str, float] = field(name="asking", default_factory=dict)
    """The same to ask, given that it was opened."""
    levels: dict[str, dict[str, float]] = {}
    inquiry_levels: dict[str, dict[str, float]] = field(name="asking_levels", default_factory=dict)
    visitor_variances: dict[str, float] = field(default_factory=lambda: dict(VISITOR_VARIANCES))
    own: float = VARIANCES[ANIMAL]  # variance among animals beyond their attributes
    unexplained: float = 0.0  # variance among visitors beyond what is known of them
    picks: PickScale = DEFAULT_PICKS
    home_rate: float = 0.0  # at which an animal of appeal 0 finds a home, a day: see `bid_prices`
    attention: tuple[float, ...] = tuple(usual_attention().round(6).tolist())
    attention_learned: bool = False
    counts: dict[str, AnimalCounts] = {}
    through: str = ""  # the recommendation id of the newest of those pages; ids grow with time
    log_offset: int = 0  # the newest event that they were joined with
    # Answers beside recommendations that the site shows: see `serving.animals.pages`.
    kinds: tuple[str, ...] = ()
    pages: int = 0
    opened: int = 0
    better_by: float = 0.0  # mean gain in log-likelihood of held-out choices, per place
    plays: Plays = ()
    """The market played forward under several weights, those to be served first."""
    calibration: Calibration = ()  # of the same held-out places, by a model fitted to the others

    @property
    def is_fitted(self) -> bool:
        """True if it was ever fitted."""
        return self.pages > 0

    def to_open(self, factor: str) -> float:
        """To open; a model of before knows no searches, and no quiz."""
        return self.weights.get(factor, _UNFITTED[factor])

    def weight(self, factor: str) -> float:
        """To open and to ask."""
        total = self.to_open(factor) + self.inquiry_weights.get(factor, 0.0)
        # Both parts together may not sink it either: see `BOUNDED`.
        return max(total, 0.0) if factor == "waiting" else total

    def appeal(self, values: Sequence[Sequence[str]], photos: Floats) -> Floats:
        """Appeal of animals to everybody by what they have, to open and to ask; shape (animals,).

        `values` are those of `TRAITS` of each animal, `photos` the factor of that name.
        """
        total = self.weight("photos") * photos
        for levels in (self.levels, self.inquiry_levels):
            for trait, column in zip(TRAITS, zip(*values, strict=True), strict=True):
                total = total + [levels.get(trait, {}).get(value, 0.0) for value in column]
        return np.asarray(total)

    def animal_effects(self, animal_ids: Sequence[str]) -> Floats:
        """Log-odds to open animals beyond their attributes, shape (animals,)."""
        counts = [self.counts.get(one, AnimalCounts()) for one in animal_ids]
        opened, looked, expected = np.array(counts).reshape(-1, 3).T
        return animal_effects(opened, looked, expected, self.own, self.unexplained)

    def arrays(self) -> Arrays:
        """As an array, to be stored beside those of a recipe's model; none if it is the default."""
        if not self.is_fitted and self.picks == DEFAULT_PICKS:
            return {}
        return {_ARRAY: np.frombuffer(msgspec.json.encode(self), np.uint8)}

    @classmethod
    def of_arrays(cls, arrays: Arrays) -> "ChoiceModel":
        """Return the stored model, or the defaults. CorruptArtefact if it cannot be read."""
        stored = arrays.get(_ARRAY)
        if stored is None:
            return cls()
        try:
            return msgspec.json.decode(stored.tobytes(), type=cls)
        except msgspec.DecodeError as error:
            raise CorruptArtefact(f"the model of choices cannot be read: {error}") from error


UNFITTED = ChoiceModel()


class CodedNames(NamedTuple):
    """Names behind the codes of `ShownPlaces`."""

    animals: Sequence[str]
    traits: Mapping[str, Sequence[str]]


def fit_choices(shown: ShownPlaces, names: CodedNames, pages: int) -> ChoiceModel:
    """Fit to rows in order of time; the defaults if too little was opened, or it does not help."""
    if int(shown.opened.sum()) < MIN_OPENED:
        return UNFITTED
    pairs = VisitorPairs(shown)
    found = choice_effects(shown, pairs)
    # Bots that open everything would teach that all places are looked at. They are found by a first
    # fit, and the final one goes without them.
    variances = pairs.variances(found)
    eager = _are_eager(shown, found, variances[ANYTHING])
    shown = shown.take(~eager)
    opened = int(shown.opened.sum())
    if opened < MIN_OPENED:
        return UNFITTED
    # Defaults are better than a model that predicts the newest choices no better than they do.
    better_by, idle, calibration = _held_out(shown, names, found)
    if better_by <= 0:
        return UNFITTED
    if eager.any():
        pairs = VisitorPairs(shown)
        found = choice_effects(shown, pairs, found)
        variances = pairs.variances(found)
    # Few pages are of searches, so the rest would hide that their weight harms: it has to help by
    # itself.
    found.weights |= {name: _UNFITTED[name] for name in idle}
    inquiring = _fit_inquiries(shown)
    usual = found.attention
    counted = _animal_counts(shown, found)
    seen = np.bincount(shown.animal, minlength=shown.animals) > 0
    return ChoiceModel(
        intercept=found.intercept,
        weights=found.weights,
        inquiry_weights={} if inquiring is None else inquiring.weights,
        levels=_named(found, names),
        inquiry_levels={} if inquiring is None else _named(inquiring, names),
        visitor_variances={kind: round(variance, 4) for kind, variance in variances.items()},
        own=found.variances[ANIMAL],
        unexplained=round(found.unexplained, 4),
        attention=tuple(usual.round(6).tolist()),
        attention_learned=_learns_attention(shown),
        counts={
            names.animals[code]: AnimalCounts(*counted[:, code].round(4).tolist())
            for code in np.flatnonzero(seen).tolist()
        },
        pages=pages,
        opened=opened,
        better_by=better_by,
        calibration=calibration,
    )


def choice_effects(
    shown: ShownPlaces, pairs: VisitorPairs, start: Effects | None = None
) -> Effects:
    """The effects by which animals are opened, fitted to these rows; sooner from a near `start`."""
    # How much visitors differ is found from the effects, and the effects given that.
    for _ in range(_ROUNDS if start is None else 1):
        unexplained = _UNEXPLAINED if start is None else pairs.unexplained(start)
        start = _fit_openings(shown, start, unexplained)
    assert start is not None, "there is a round"
    return start


def _fit_openings(shown: ShownPlaces, start: Effects | None, unexplained: float) -> Effects:
    found = fit_effects(
        shown,
        shown.opened,
        usual_attention(),
        start=start,
        learn_attention=_learns_attention(shown),
        unexplained=unexplained,
    )
    if not found.has_arrived:
        raise TrainingFailed(
            f"the model of choices did not arrive within {found.steps} steps: its gradient is still"
            f" {found.slope:.1e} of what it was. The version before goes on; train again with newer"
            " pages, and report it if that fails too"
        )
    return found


def _are_eager(shown: ShownPlaces, found: Effects, variance: float) -> Bools:
    looked = found.attention[shown.place]
    columns = (shown.opened.astype(float), looked, looked * _chances(shown, found))
    opened, looked, expected = (np.bincount(shown.visit, one).astype(float) for one in columns)
    return are_eager(opened, looked, expected, variance)[shown.visit]


def _learns_attention(shown: ShownPlaces) -> bool:
    return int(shown.explored.sum()) >= _MIN_EXPLORED


def _fit_inquiries(shown: ShownPlaces) -> Effects | None:
    if int(shown.inquired.sum()) < _MIN_INQUIRIES:
        return None
    opened = shown.take(shown.opened)
    # An animal that was opened was looked at.
    return fit_effects(
        opened,
        opened.inquired,
        np.ones(len(usual_attention())),
        _INQUIRY_VARIANCES,
        learn_attention=False,
        prior=_INQUIRY_PRIOR,
    )


def _held_out(
    shown: ShownPlaces, names: CodedNames, start: Effects
) -> tuple[float, set[str], Calibration]:
    """Gain in likelihood of held-out choices, those of `_OF_WORDS` without any, and calibration."""
    # Rows are in order of time. The newest are held out, since a model serves what comes after it.
    cut = int(len(shown) * (1 - _HELD_OUT))
    before, after = shown.take(np.arange(cut)), shown.take(np.arange(cut, len(shown)))
    if not before.opened.any():
        return 0.0, set(), ()
    # How much visitors differ is one number of all pages, and takes long to learn.
    found = _fit_openings(before, start, start.unexplained)
    attention, odds = found.attention[after.place], log_odds(after, found)
    learned = attention * mean_chances(odds, found.unexplained)[0]

    def gain(name: str) -> float:
        less = _UNFITTED[name] - found.weights[name]
        changed = odds + less * after.factors[name]
        unlearned = attention * mean_chances(changed, found.unexplained)[0]
        return _likelihood(learned, after.opened) - _likelihood(unlearned, after.opened)

    idle = {name for name in _OF_WORDS if gain(name) <= 0}
    plain = sum(mean * after.factors[name] for name, (mean, _) in FACTORS.items())
    usual = usual_attention()[after.place]
    rate = _calibrated(np.asarray(plain), usual, after.opened)
    better_by = _likelihood(learned, after.opened) - _likelihood(rate, after.opened)
    return better_by, idle, calibrate(after, learned, are_later_visits(shown)[cut:], names.traits)


def _calibrated(odds: Floats, attention: Floats, chosen: Bools) -> Floats:
    # The defaults get the best intercept for the held-out rows, so that only the ordering decides.
    intercept = -2.5
    for _ in range(20):
        pull, firm = gradient(odds + intercept, attention, chosen)
        intercept += float(np.clip(pull.sum() / firm.sum(), -1, 1))
    return attention * special.expit(odds + intercept)


def _likelihood(chance: Floats, chosen: Bools) -> float:
    safe = np.clip(chance, 1e-9, 1 - 1e-9)
    return float(np.where(chosen, np.log(safe), np.log1p(-safe)).mean())


def _chances(shown: ShownPlaces, found: Effects, *, own: bool = True) -> Floats:
    return mean_chances(log_odds(shown, found, own=own), found.unexplained)[0]


def _animal_counts(shown: ShownPlaces, found: Effects) -> Floats:
    chance = _chances(shown, found, own=False)
    seeing = found.attention[shown.place]
    columns = (shown.opened.astype(float), seeing, seeing * chance)
    return np.array([np.bincount(shown.animal, one, shown.animals) for one in columns])


def _named(found: Effects, names: CodedNames) -> dict[str, dict[str, float]]:
    return {
        name: {
            names.traits[name][code]: round(value, 5)
            for code, value in enumerate(found.levels[name].tolist())
            if value
        }
        for name in TRAITS
    }
