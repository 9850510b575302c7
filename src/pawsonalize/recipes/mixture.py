"""The mixture: five candidate tables, each a distribution over the catalogue.

Each says where the next choice may fall: back to the visitor's own items, on to what followed
them, to what was met together with them, to their kin, to what is popular. So their mixture is a
distribution as well, and a table's part of a score is its reason. It works from zero data on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes import event_values
from pawsonalize.recipes.contract import Arrays, Context, TrainingData
from pawsonalize.recipes.facet_lifts import FacetLifts
from pawsonalize.recipes.interests import Interests, read_interests
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.kin import Kin, cell_steps
from pawsonalize.recipes.mixture_settings import MixtureSettings
from pawsonalize.recipes.popularity import Popularity, decay, decayed_users
from pawsonalize.recipes.reception import Reception
from pawsonalize.recipes.supply import Supply
from pawsonalize.recipes.tables import Table
from pawsonalize.recipes.transitions import (
    covisit_table,
    repeat_share,
    transition_counts,
    transition_table,
)

TABLES = ("own history", "transitions", "co-visits", "kin", "popularity")


@dataclass(frozen=True, slots=True)
class Mixture:
    """The candidate tables; `repeat_share` is how often users return to what they saw."""

    index: ItemIndex
    transitions: Table
    covisits: Table
    kin: Kin
    popularity: Popularity
    supply: Supply
    facets: FacetLifts
    reception: Reception
    repeat_share: float
    _settings: MixtureSettings
    _type_weights: Mapping[str, float]

    @classmethod
    def fit(cls, data: TrainingData, index: ItemIndex, settings: MixtureSettings) -> "Mixture":
        """Count; nothing is random. The dayparts are among the data's facets already."""
        s = settings
        users = decayed_users(data, s.popularity_half_life_days)
        weight = _event_weights(data, s)
        counts = transition_counts(
            data, weight, window=s.window, gap_decay=s.gap_decay, back=s.backward_weight
        )
        steps = cell_steps(
            counts, index, width=s.neighbours, prior=s.kin_prior, fade=s.kin_level_fade
        )
        covisits = covisit_table(
            data,
            weight,
            history=s.covisit_history,
            width=s.neighbours,
            shrinkage=s.covisit_shrinkage,
        )
        return cls(
            index=index,
            transitions=transition_table(counts, width=s.neighbours, power=s.count_power),
            covisits=covisits,
            kin=Kin.of(steps, (users + s.kin_smoothing).astype(np.float32), index),
            popularity=Popularity.of(users, index, s.smoothing),
            supply=Supply.of(data, s.behaviour_half_life_days, s.supply_smoothing),
            facets=FacetLifts.of(data, weight, index, s.facet_doubt, s.preference_unlike),
            reception=Reception.of(
                data, weight, s.return_weight, s.behaviour_half_life_days, s.dislike_weight
            ),
            repeat_share=repeat_share(data, s.window),
            _settings=s,
            _type_weights=s.type_weights,
        )

    @classmethod
    def from_arrays(
        cls, arrays: Arrays, index: ItemIndex, settings: MixtureSettings, repeat_share: float
    ) -> "Mixture":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit the index."""
        n_items = len(index.ids)
        return cls(
            index=index,
            transitions=Table.from_arrays("transitions", arrays, n_items, n_items),
            covisits=Table.from_arrays("covisits", arrays, n_items, n_items),
            kin=Kin.from_arrays(arrays, index),
            popularity=Popularity.from_arrays(arrays, index),
            supply=Supply.from_arrays(arrays, n_items, settings.supply_smoothing),
            facets=FacetLifts.from_arrays(
                arrays, index, settings.facet_doubt, settings.preference_unlike
            ),
            reception=Reception.from_arrays(arrays, n_items),
            repeat_share=repeat_share,
            _settings=settings,
            _type_weights=settings.type_weights,
        )

    def arrays(self) -> Arrays:
        """The tables as plain arrays."""
        return {
            **self.transitions.arrays("transitions"),
            **self.covisits.arrays("covisits"),
            **self.kin.arrays(),
            **self.popularity.arrays(),
            **self.supply.arrays(),
            **self.facets.arrays(),
            **self.reception.arrays(),
        }

    def parts(self, context: Context, outside: Sequence[str]) -> NDArray[np.float32]:
        """What each table adds to the scores, shape (tables, items + outside)."""
        s = self._settings
        recent = Context(context.events[: s.context_events], context.now)
        seen = read_interests(
            recent, self.index, self._type_weights, s.context_half_life_days, s.valued
        )
        return self.weigh(seen, outside, context.supply, self.facet_rows(context))

    def facet_rows(self, context: Context) -> NDArray[np.int64]:
        """The rows of what is known of the visitor beside events, the time of day included."""
        moment = self._settings.dayparts.at(context.now)
        return self.facets.rows((*context.facets, *moment))

    def weigh(
        self,
        seen: Interests,
        outside: Sequence[str],
        supply: NDArray[np.integer] | None,
        facets: NDArray[np.int64],
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """The candidates, each weighed, shape (tables, items + outside); `out` is written to.

        A table gets its weight times evidence / (evidence + doubt); popularity gets the rest.
        """
        s = self._settings
        shape = (len(TABLES), len(self.index.ids) + len(outside))
        parts = np.empty(shape, np.float32) if out is None else out
        self._candidates(seen, outside, parts)
        tilt = self.facets.tilt(facets)
        if tilt is not None:  # kin and popularity: what others like, not what the visitor did
            kin = self.index.kin_of(outside)
            tilt.apply(parts[-2:], self.index, kin, self.believed(seen.strengths.sum()))
        self.reception.apply(parts)
        if supply is not None:
            self.supply.apply(parts, supply)

        inside = parts[:-1, : len(self.index.ids)].sum(axis=1)
        evidence = inside.copy()
        # A visitor's own items outside the catalogue are evidence of what they return to as well.
        evidence[0] = seen.faded(s.history_decay).sum()
        repeat = self.repeat_share
        others = (s.transition_weight, s.covisit_weight, s.kin_weight)
        most = np.array([repeat, *(weight * (1 - repeat) for weight in others)])
        factors = most / (evidence + s.doubt)
        rest = max(0.0, 1.0 - float((factors * inside).sum()))
        parts *= np.append(factors, rest).astype(np.float32)[:, np.newaxis]
        return parts

    def believed(self, evidence: float) -> float:
        """How far facets count beside so much evidence of events, 0 to 1."""
        fade = self._settings.facet_fade
        return float(fade / (fade + evidence))

    def _candidates(
        self, seen: Interests, outside: Sequence[str], parts: NDArray[np.float32]
    ) -> None:
        """Write what each table proposes by itself to `parts` (tables, items + outside)."""
        s, n_items = self._settings, len(self.index.ids)
        parts[:] = 0.0
        own, transitions, covisits, kin, popularity = parts

        latest = seen.faded(s.history_decay)
        inside = seen.rows < n_items
        own[seen.rows[inside]] = latest[inside]
        # Steps are counted over `window` visits, so older ones have nothing to say about them.
        self.transitions.add_to(transitions, seen.rows[: s.window], latest[: s.window])
        self.covisits.add_to(covisits, seen.rows, seen.faded(s.covisit_history_decay))
        tastes = seen.faded(s.kin_history_decay)[: s.window]
        lift = self.kin.lift(seen.cells[:, : s.window], tastes)
        self.kin.spread_to(kin[:n_items], lift, self.index)
        popularity[:n_items] = self.popularity.share

        if outside:
            cells = self.index.kin_of(outside)
            own_of = dict(zip(seen.ids, latest.tolist(), strict=True))
            own[n_items:] = [own_of.get(item, 0.0) for item in outside]
            kin[n_items:] = lift[cells].sum(axis=0) * np.float32(s.kin_smoothing)
            popularity[n_items:] = self.popularity.of_kin(cells)


def _event_weights(data: TrainingData, settings: MixtureSettings) -> NDArray[np.float32]:
    of_type = settings.type_weights
    weights = [of_type.get(name, settings.view_weight) for name in data.event_types]
    by_type = np.array(weights, np.float64)[data.event_type]
    by_type *= event_values.of_rows(data, settings.valued)
    return (by_type * decay(data, settings.behaviour_half_life_days)).astype(np.float32)
