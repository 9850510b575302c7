"""`user-personalization`: what this visitor will choose next, from the first event on.

Five candidate tables each say where the next choice may fall: back to the visitor's own items,
on to what followed them, to what was met together with them, to their kin, to what is popular.
Each is a distribution over the catalogue, so their mixture is one, and a table's part of a
score is its reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact, InvalidInput
from pawsonalize.recipes.artefact import make_card, read_card
from pawsonalize.recipes.contract import Arrays, Card, Context, TrainingData
from pawsonalize.recipes.interests import Interests, read_interests
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.kin import Kin, cell_steps
from pawsonalize.recipes.popularity import Popularity, decay, decayed_users
from pawsonalize.recipes.settings import check_numbers
from pawsonalize.recipes.tables import Table
from pawsonalize.recipes.transitions import (
    covisit_table,
    repeat_share,
    transition_counts,
    transition_table,
)

_FORMAT = 1
TABLES = ("own history", "transitions", "co-visits", "kin", "popularity")


@dataclass(frozen=True, slots=True)
class UserPersonalizationSettings:
    """Settings of `user-personalization`."""

    transition_weight: float = 0.4
    """Most that the items which followed the visitor's own may contribute to a score."""
    covisit_weight: float = 0.3
    """Most that the items which users met together with the visitor's own may contribute."""
    kin_weight: float = 0.2
    """Most that items of the same breed, size and age, or species may contribute."""
    doubt: float = 0.5
    """Evidence (about one view) at which a table contributes half of the most it may."""
    view_weight: float = 1.0
    """Weight of a `view` and of every event type not named here."""
    favorite_weight: float = 2.0
    """Weight of a `favorite`."""
    inquiry_weight: float = 3.0
    """Weight of an `inquiry`."""
    application_weight: float = 4.0
    """Weight of an `application`."""
    adoption_weight: float = 5.0
    """Weight of an `adoption`."""
    popularity_half_life_days: float = 30.0
    """After how many days a user's choice counts half for popularity."""
    behaviour_half_life_days: float = 180.0
    """After how many days a step from one item to the next counts half."""
    context_half_life_days: float = 90.0
    """After how many days an event of the visitor's own counts half."""
    context_events: int = 50
    """How many of the visitor's newest events are read."""
    history_decay: float = 0.5
    """What the second-newest item counts beside the newest, the third beside the second, …"""
    kin_history_decay: float = 0.7
    """The same for kin: tastes last longer than steps."""
    covisit_history_decay: float = 0.95
    """The same for co-visits, which do not depend on order."""
    window: int = 10
    """How many visits back a step may begin and tastes are read, or a choice counts as repeat."""
    gap_decay: float = 0.65
    """What a step over one visit between counts beside a direct one."""
    backward_weight: float = 0.2
    """What a step counts in the direction opposite to how it was made."""
    count_power: float = 0.15
    """Rows of transitions are divided by their count to this power: 0 not at all, 1 to shares."""
    neighbours: int = 64
    """How many targets each row of a table keeps."""
    covisit_history: int = 50
    """How many of a user's newest visits count for co-visits."""
    covisit_shrinkage: float = 5.0
    """Added to the cosine's denominator: higher trusts rare pairs less."""
    kin_prior: float = 5.0
    """Imagined steps from each breed (size and age, species) to itself."""
    kin_level_fade: float = 0.6
    """What size and age count beside the breed, and the species beside size and age."""
    kin_smoothing: float = 1.0
    """Users added to every item when kin share their part: higher helps untouched items."""
    smoothing: float = 0.1
    """Users (less than one) added to every item's popularity."""

    def __post_init__(self) -> None:
        check_numbers(
            self,
            above_zero=(
                "doubt",
                "popularity_half_life_days",
                "behaviour_half_life_days",
                "context_half_life_days",
                "smoothing",
                "kin_smoothing",
                "kin_level_fade",
            ),
            up_to_one=(
                "history_decay",
                "kin_history_decay",
                "covisit_history_decay",
                "gap_decay",
                "smoothing",
            ),
        )
        if self.transition_weight + self.covisit_weight + self.kin_weight > 1:
            raise InvalidInput(
                "transition_weight, covisit_weight and kin_weight must be at most 1 together",
                field="transition_weight",
            )

    @property
    def type_weights(self) -> dict[str, float]:
        """Weight of each event type that has its own."""
        return {
            "view": self.view_weight,
            "favorite": self.favorite_weight,
            "inquiry": self.inquiry_weight,
            "application": self.application_weight,
            "adoption": self.adoption_weight,
        }


class UserPersonalization:
    """Decayed item-to-item counts beside own history, kin and popularity."""

    name = "user-personalization"
    settings = UserPersonalizationSettings

    def fit(
        self, data: TrainingData, settings: UserPersonalizationSettings, seed: int
    ) -> "UserPersonalizationModel":
        """Count; nothing is random, so the seed only goes on the card."""
        s = settings
        index = ItemIndex.build(data.item_ids, data.attributes)
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
        extra = {"repeat_share": repeat_share(data, s.window)}
        return UserPersonalizationModel(
            card=make_card(self.name, _FORMAT, s, seed, data, extra),
            index=index,
            transitions=transition_table(counts, width=s.neighbours, power=s.count_power),
            covisits=covisits,
            kin=Kin.of(steps, (users + s.kin_smoothing).astype(np.float32), index),
            popularity=Popularity.of(users, index, s.smoothing),
            _settings=s,
            _type_weights=s.type_weights,
        )

    def load(self, card: Card, arrays: Arrays) -> "UserPersonalizationModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        settings = read_card(card, self.name, _FORMAT, self.settings)
        share = card.extra.get("repeat_share")
        if not isinstance(share, float) or not 0 <= share <= 1:
            raise CorruptArtefact("the user-personalization card lacks its repeat_share")
        index = ItemIndex.from_arrays(arrays)
        n_items = len(index.ids)
        return UserPersonalizationModel(
            card=card,
            index=index,
            transitions=Table.from_arrays("transitions", arrays, n_items, n_items),
            covisits=Table.from_arrays("covisits", arrays, n_items, n_items),
            kin=Kin.from_arrays(arrays, index),
            popularity=Popularity.from_arrays(arrays, index),
            _settings=settings,
            _type_weights=settings.type_weights,
        )


def _event_weights(
    data: TrainingData, settings: UserPersonalizationSettings
) -> NDArray[np.float32]:
    of_type = settings.type_weights
    weights = [of_type.get(name, settings.view_weight) for name in data.event_types]
    by_type = np.array(weights, np.float64)[data.event_type]
    return (by_type * decay(data, settings.behaviour_half_life_days)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class UserPersonalizationModel:
    """The candidate tables and their mixture."""

    card: Card
    index: ItemIndex
    transitions: Table
    covisits: Table
    kin: Kin
    popularity: Popularity
    _settings: UserPersonalizationSettings
    _type_weights: Mapping[str, float]

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of `score_catalogue`."""
        return self.index.ids

    def score_catalogue(self, context: Context) -> NDArray[np.float32]:
        """Probability of each item to be the next choice; sums to 1."""
        scores: NDArray[np.float32] = self._mixture(context, ()).sum(axis=0)
        return scores

    def score(self, context: Context, items: Sequence[str]) -> NDArray[np.float32]:
        """The same for any ids; outside the catalogue, as an untouched item of its kin."""
        columns, outside = self._columns(items)
        scores: NDArray[np.float32] = self._mixture(context, outside).sum(axis=0)
        return scores[columns]

    def contributions(
        self, context: Context, items: Sequence[str]
    ) -> dict[str, NDArray[np.float32]]:
        """What each table adds to the scores of the ids, by its name; adds up to `score`."""
        columns, outside = self._columns(items)
        parts = self._mixture(context, outside)
        return {name: part[columns] for name, part in zip(TABLES, parts, strict=True)}

    def arrays(self) -> Arrays:
        """Index and tables."""
        return {
            **self.index.arrays(),
            **self.transitions.arrays("transitions"),
            **self.covisits.arrays("covisits"),
            **self.kin.arrays(),
            **self.popularity.arrays(),
        }

    def _columns(self, items: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
        """Where each id stands when those outside the catalogue are put behind it."""
        n_items = len(self.index.ids)
        columns = self.index.rows(items)
        places = np.flatnonzero(columns == n_items)
        columns[places] += np.arange(len(places))
        return columns, [items[place] for place in places.tolist()]

    def _mixture(self, context: Context, outside: Sequence[str]) -> NDArray[np.float32]:
        """The candidates, each weighed, shape (tables, items + outside).

        A table gets its weight times evidence / (evidence + doubt); popularity gets the rest.
        """
        s = self._settings
        recent = Context(context.events[: s.context_events], context.now)
        seen = read_interests(recent, self.index, self._type_weights, s.context_half_life_days)
        parts = self._candidates(seen, outside)

        inside = parts[:-1, : len(self.index.ids)].sum(axis=1)
        evidence = inside.copy()
        # A visitor's own items outside the catalogue are evidence of what they return to as well.
        evidence[0] = seen.faded(s.history_decay).sum()
        repeat = float(self.card.extra["repeat_share"])
        others = (s.transition_weight, s.covisit_weight, s.kin_weight)
        most = np.array([repeat, *(weight * (1 - repeat) for weight in others)])
        factors = most / (evidence + s.doubt)
        rest = max(0.0, 1.0 - float((factors * inside).sum()))
        parts *= np.append(factors, rest).astype(np.float32)[:, np.newaxis]
        return parts

    def _candidates(self, seen: Interests, outside: Sequence[str]) -> NDArray[np.float32]:
        """What each table proposes by itself, shape (tables, items + outside)."""
        s, n_items = self._settings, len(self.index.ids)
        parts = np.zeros((len(TABLES), n_items + len(outside)), np.float32)
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
        return parts
