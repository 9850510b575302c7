"""`next-best-action`: which action will this user take, if it is put to them now?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact, InvalidInput
from pawsonalize.recipes import NEXT_BEST_ACTION
from pawsonalize.recipes.artefact import (
    ModelCard,
    make_card,
    pack_strings,
    read_card,
    take,
    unpack_strings,
)
from pawsonalize.recipes.contract import Context
from pawsonalize.recipes.counts.counting import Countable, counts_of
from pawsonalize.recipes.counts.weights import LogClock
from pawsonalize.recipes.data import Arrays, TrainingData
from pawsonalize.recipes.settings import Range, check_numbers

_FORMAT = 1
_MAX_EVENTS = 20_000_000  # they are read in order, event by event
_MAX_ACTIONS = 2_000  # what an action says of another is kept for each pair
_FAILURES: Final = frozenset({"NOT_TAKEN", "VIEWED"})
_MAX_STATE = 50  # as many as a context has events


@dataclass(frozen=True, slots=True)
class NextBestActionSettings:
    """Settings of `next-best-action`."""

    half_life_days: Annotated[float, Range(7.0, 365.0, log=True)] = 90.0
    """After how many days what a user did with an action counts half."""
    smoothing: Annotated[float, Range(0.5, 50.0, log=True)] = 5.0
    """So many users of the average rate are added to every action."""
    lift_smoothing: Annotated[float, Range(2.0, 200.0, log=True)] = 20.0
    """So many users of the action's own rate are added to what another action says of it."""

    def __post_init__(self) -> None:
        check_numbers(self, above_zero=("half_life_days", "smoothing", "lift_smoothing"))


class NextBestAction:
    """The rate at which users take an action, moved by what this user did with others.

    An event of type NOT_TAKEN is an action that was put to the user in vain, and VIEWED one too,
    unless the user takes it later; every other event is a taking. Rates are smoothed towards the
    average and decay with time. What the user last did with each action says how much more or less
    likely the next one is: the mean of those lifts, in log odds. Nothing is random.
    """

    name = NEXT_BEST_ACTION
    needs_item = False
    settings = NextBestActionSettings

    def fit(
        self, data: Countable, settings: NextBestActionSettings, seed: int
    ) -> "NextBestActionModel":
        """Count; nothing is random, so the seed only goes on the card.

        InvalidInput where there are more events than one machine reads one after the other.
        """
        summary = counts_of(data).summary
        data = counts_of(data).sample(_MAX_EVENTS)
        if len(data) < summary.n_events:
            raise InvalidInput(
                f"next-best-action reads at most {_MAX_EVENTS:,} events, not"
                f" {summary.n_events:,}: train it on newer ones, by max_age_days"
            )
        if len(data.item_ids) > _MAX_ACTIONS:
            raise InvalidInput(
                f"next-best-action knows at most {_MAX_ACTIONS:,} actions, not"
                f" {len(data.item_ids):,}: delete those that are over"
            )
        trials = _Trials.of(data, settings)
        rates = trials.rates(settings.smoothing)
        lifts = trials.lifts(rates, settings.lift_smoothing)
        card = make_card(self.name, _FORMAT, settings, seed, summary.fingerprint)
        return NextBestActionModel(card, data.item_ids, rates, lifts)

    def load(self, card: ModelCard, arrays: Arrays) -> "NextBestActionModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        read_card(card, self.name, _FORMAT, self.settings)
        ids = unpack_strings("actions", arrays)
        rates = take(arrays, "rates", np.float64, (len(ids),))
        lifts = take(arrays, "lifts", np.float32, (2, len(ids), len(ids)))
        if not ((rates > 0) & (rates < 1)).all() or not np.isfinite(lifts).all():
            raise CorruptArtefact("the rates of the artefact are none, or its lifts no numbers")
        return NextBestActionModel(card, ids, rates, lifts)


@dataclass(frozen=True, slots=True)
class _Trials:
    """Decayed counts of how often actions were taken and shown, shape (actions,).

    And those after the outcome 0 or 1 of another action, shape (2, actions, actions).
    """

    successes: NDArray[np.float64]
    shown: NDArray[np.float64]
    successes_after: NDArray[np.float64]
    shown_after: NDArray[np.float64]

    @classmethod
    def of(cls, data: TrainingData, settings: NextBestActionSettings) -> "_Trials":
        count = len(data.item_ids)
        trials = cls(
            np.zeros(count),
            np.zeros(count),
            np.zeros((2, count, count)),
            np.zeros((2, count, count)),
        )
        outcomes = np.array([name not in _FAILURES for name in data.event_types], np.int64)
        views = np.array([name == "VIEWED" for name in data.event_types], np.bool_)
        weights = LogClock.of(data.time, data.as_of).fade(data.time, settings.half_life_days)
        last_success = {
            (user, action): time
            for user, action, kind, time in zip(
                data.user.tolist(),
                data.item.tolist(),
                data.event_type.tolist(),
                data.time.tolist(),
                strict=True,
            )
            if outcomes[kind]
        }
        user = -1
        state: dict[int, int] = {}
        for row in range(len(data)):
            if data.user[row] != user:
                user, state = int(data.user[row]), {}
            action, kind = int(data.item[row]), int(data.event_type[row])
            succeeded_later = last_success.get((user, action), -1) >= data.time[row]
            if not (views[kind] and succeeded_later):
                trials.meet(action, int(outcomes[kind]), state, float(weights[row]))
            state.pop(action, None)
            state[action] = int(outcomes[kind])
            if len(state) > _MAX_STATE:
                state.pop(next(iter(state)))
        return trials

    def meet(self, action: int, outcome: int, state: Mapping[int, int], weight: float) -> None:
        """Count one trial of the action, by a user with that state."""
        self.shown[action] += weight
        self.successes[action] += weight * outcome
        for other, before in state.items():
            self.shown_after[before, other, action] += weight
            self.successes_after[before, other, action] += weight * outcome

    def rates(self, smoothing: float) -> NDArray[np.float64]:
        """Rate at which each action is taken, strictly between 0 and 1."""
        average = (self.successes.sum() + 1) / (self.shown.sum() + 2)
        rates: NDArray[np.float64] = (self.successes + smoothing * average) / (
            self.shown + smoothing
        )
        return rates

    def lifts(self, rates: NDArray[np.float64], smoothing: float) -> NDArray[np.float32]:
        """Change of the log odds of an action by an outcome of another."""
        after = (self.successes_after + smoothing * rates) / (self.shown_after + smoothing)
        return (_log_odds(after) - _log_odds(rates)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class NextBestActionModel:
    """Rates, shape (actions,), and lifts in log odds, `lifts[outcome, of, on]`."""

    card: ModelCard
    item_ids: tuple[str, ...]
    rates: NDArray[np.float64]
    lifts: NDArray[np.float32]

    def probabilities(self, context: Context) -> NDArray[np.float64]:
        """Probability that the visitor takes each action when it is suggested, shape (actions,)."""
        odds = _log_odds(self.rates)
        state = self._state(context)
        if state:
            lifts = [self.lifts[outcome, action] for action, outcome in state.items()]
            odds = odds + np.mean(np.array(lifts, np.float64), axis=0)
        return np.asarray(1 / (1 + np.exp(-odds)), np.float64)

    def score_catalogue(self, context: Context) -> NDArray[np.float64]:
        """The probabilities as shares that sum to 1."""
        probabilities = self.probabilities(context)
        return probabilities / (probabilities.sum() or 1.0)

    def score(self, context: Context, items: Sequence[str]) -> NDArray[np.float64]:
        """The share of each action; of an unknown one nothing is known."""
        places = {action: place for place, action in enumerate(self.item_ids)}
        shares = np.append(self.score_catalogue(context), 0.0)
        return shares[[places.get(item, -1) for item in items]]

    def contributions(
        self, context: Context, items: Sequence[str]
    ) -> Mapping[str, NDArray[np.float64]]:
        """The propensity is all there is."""
        return {"propensity": self.score(context, items)}

    def refreshed(self, data: Countable) -> "NextBestActionModel":
        """All is counted, so this is a fit."""
        settings = NextBestActionSettings(**self.card.settings)
        return NextBestAction().fit(data, settings, self.card.seed)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Ids, rates and lifts."""
        return {**pack_strings("actions", self.item_ids), "rates": self.rates, "lifts": self.lifts}

    def _state(self, context: Context) -> dict[int, int]:
        """Return the visitor's last outcome of each action that the model knows."""
        places = {action: place for place, action in enumerate(self.item_ids)}
        state: dict[int, int] = {}
        for event in context.events:
            place = places.get(event.item)
            if place is not None:
                state.setdefault(place, int(event.event_type not in _FAILURES))
        return state


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(probability) - np.log1p(-probability), np.float64)
