"""`next-best-action`: which action will this user take, if it is put to them now?"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
import numpy as np

from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.models.recipes import NEXT_BEST_ACTION
from pawsonalize.models.recipes.artefact import (
    Kept,
    ModelCard,
    Sizes,
    Stored,
    finite,
    make_card,
    read_card,
)
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.counts.weights import LogClock
from pawsonalize.models.recipes.data import Array, Arrays, Floats, Singles, TrainingData
from pawsonalize.models.recipes.settings import Positive, Range, RecipeSettings

_FORMAT = 1
_MAX_EVENTS = 20_000_000  # they are read in order, event by event
_MAX_ACTIONS = 2_000  # what an action says of another is kept for each pair
_FAILURES: Final = frozenset({"NOT_TAKEN", "VIEWED"})
_MAX_STATE = 50  # as many as a context has events


class NextBestActionSettings(RecipeSettings, frozen=True):
    """Settings of `next-best-action`."""

    half_life_days: Annotated[Positive, Range(7.0, 365.0, log=True)] = 90.0
    """Days after which what a user did with an action counts half."""
    smoothing: Annotated[Positive, Range(0.5, 50.0, log=True)] = 5.0
    """Number of users of the average rate that are added to every action."""
    lift_smoothing: Annotated[Positive, Range(2.0, 200.0, log=True)] = 20.0
    """Number of users of the action's own rate, added to what another action says of it."""


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
        """Count, the seed changes nothing; InvalidInput for too many events or actions."""
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
        return NextBestActionModel.from_arrays(arrays, card=card)


class _Trials(msgspec.Struct, frozen=True):
    """Decayed trials and successes of actions, and after outcome 0 or 1 of another action."""

    successes: Floats
    shown: Floats
    successes_after: Floats
    shown_after: Floats

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
        columns = (data.user, data.item, data.event_type, data.time, weights)
        events = list(zip(*(column.tolist() for column in columns), strict=True))
        last_success = {
            (user, action): time for user, action, kind, time, _ in events if outcomes[kind]
        }
        before, state = -1, dict[int, int]()
        for user, action, kind, time, weight in events:
            if user != before:
                before, state = user, {}
            if not (views[kind] and last_success.get((user, action), -1) >= time):
                trials.meet(action, int(outcomes[kind]), state, weight)
            state.pop(action, None)  # the newest comes last
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

    def rates(self, smoothing: float) -> Floats:
        """Rate at which each action is taken, strictly between 0 and 1."""
        # Plus 1 and 2, so that no rate is 0 or 1, whose log odds are infinite.
        average = (self.successes.sum() + 1) / (self.shown.sum() + 2)
        rates: Floats = (self.successes + smoothing * average) / (self.shown + smoothing)
        return rates

    def lifts(self, rates: Floats, smoothing: float) -> Singles:
        """Change of the log odds of an action by an outcome of another."""
        after = (self.successes_after + smoothing * rates) / (self.shown_after + smoothing)
        return (_log_odds(after) - _log_odds(rates)).astype(np.float32)


def _chances(name: str, rates: Array, _sizes: Sizes) -> None:
    if not ((rates > 0) & (rates < 1)).all():
        raise CorruptArtefact(f"array {name!r} holds what is no rate")


class NextBestActionModel(Stored, frozen=True):
    """Rates, shape (actions,), and lifts in log odds, `lifts[outcome, of, on]`."""

    card: ModelCard
    item_ids: Annotated[tuple[str, ...], Kept("actions", "actions")]
    rates: Annotated[Floats, Kept("rates", "actions", _chances)]
    lifts: Annotated[Singles, Kept("lifts", "2 actions actions", finite)]

    def probabilities(self, context: Context) -> Floats:
        """Probability that the visitor takes each action when it is suggested, shape (actions,)."""
        odds = _log_odds(self.rates)
        state = self._state(context)
        if state:
            lifts = [self.lifts[outcome, action] for action, outcome in state.items()]
            odds = odds + np.mean(np.array(lifts, np.float64), axis=0)
        return np.asarray(1 / (1 + np.exp(-odds)), np.float64)

    def score_catalogue(self, context: Context) -> Floats:
        """The probabilities as shares that sum to 1."""
        probabilities = self.probabilities(context)
        return probabilities / (probabilities.sum() or 1.0)

    def score(self, context: Context, items: Sequence[str]) -> Floats:
        """The share of each action; of an unknown one nothing is known."""
        places = {action: place for place, action in enumerate(self.item_ids)}
        shares = np.append(self.score_catalogue(context), 0.0)
        return shares[[places.get(item, -1) for item in items]]

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Floats]:
        """The propensity is all there is."""
        return {"propensity": self.score(context, items)}

    def _state(self, context: Context) -> dict[int, int]:
        places = {action: place for place, action in enumerate(self.item_ids)}
        state: dict[int, int] = {}
        for event in context.events:
            place = places.get(event.item)
            if place is not None:
                # Newest first, and the newest is what counts.
                state.setdefault(place, int(event.event_type not in _FAILURES))
        return state


def _log_odds(probability: Floats) -> Floats:
    return np.asarray(np.log(probability) - np.log1p(-probability), np.float64)
