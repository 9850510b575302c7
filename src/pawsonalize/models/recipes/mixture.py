"""The mixture of candidate tables: weighed and faded events of a visitor propose items."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.limits import check_between
from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.artefact import Kept, Sizes, Stored
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import EventCounts, LogSummary
from pawsonalize.models.recipes.counts.facet_lifts import FacetLifts
from pawsonalize.models.recipes.counts.popularity import AvailabilityFactor, Popularity, ReturnRate
from pawsonalize.models.recipes.counts.rows import (
    Counts,
    Covisits,
    Entries,
    RelatedItems,
    SparseRows,
    both_ways,
    cell_steps,
    covisit_table,
    repeat_share,
    tidy,
    transition_table,
)
from pawsonalize.models.recipes.counts.weights import OLDEST, EventWeights
from pawsonalize.models.recipes.data import Arrays, Dayparts, Floats, Ints, Singles
from pawsonalize.models.recipes.items import ItemIndex
from pawsonalize.models.recipes.settings import Bound, Positive, Range, RecipeSettings, Share

_Weights = dict[str, Annotated[float, msgspec.Meta(ge=0)]]


class MixtureSettings(RecipeSettings, frozen=True):
    """Settings of the mixture."""

    transition_weight: Annotated[float, Range(0.2, 0.5)] = 0.4
    """Most that the items which followed the visitor's own may contribute to a score."""
    covisit_weight: Annotated[float, Range(0.1, 0.3)] = 0.3
    """Most that the items which users met together with the visitor's own may contribute."""
    related_items_weight: Annotated[float, Range(0.05, 0.2)] = 0.2
    """Most that items of the same breed, size and age, or species may contribute."""
    doubt: Annotated[Positive, Range(0.1, 3.0, log=True)] = 0.5
    """Evidence (about one view) at which a table contributes half of the most it may."""
    view_weight: float = 1.0
    """Weight of a `view` and of every event type not named here."""
    other_event_weights: str = ""
    """Weights of event types of your own, as JSON: `{"Watch": 0.5}`."""
    favorite_weight: float = 2.0
    """Weight of a `favorite`."""
    inquiry_weight: float = 3.0
    """Weight of an `inquiry`."""
    application_weight: float = 4.0
    """Weight of an `application`."""
    adoption_weight: float = 5.0
    """Weight of an `adoption`."""
    return_weight: float = 5.0
    """Weight of a `return` (an adopted animal comes back) against the choices of its item."""
    dislike_weight: float = 1.0
    """Weight of a `dislike` against the choices of its item."""
    value_weighted_events: str = ""
    """Event types, with commas between, whose value (0 to 10) multiplies their weight."""
    popularity_half_life_days: Annotated[Positive, Range(5.0, 120.0, log=True)] = 30.0
    """Days after which a user's choice counts half for popularity."""
    behaviour_half_life_days: Annotated[Positive, Range(30.0, 720.0, log=True)] = 180.0
    """Days after which a step from one item to the next counts half."""
    context_half_life_days: Positive = 90.0
    """Days after which an event of the visitor's own counts half."""
    context_events: int = 200
    """Number of the visitor's newest events that are read."""
    history_decay: Annotated[Share, Range(0.3, 0.9)] = 0.5
    """Weight of the second-newest item beside the newest, the third beside the second, …"""
    related_items_history_decay: Share = 0.7
    """The same for related items: affinity lasts longer than steps."""
    covisit_history_decay: Share = 0.95
    """The same for co-visits, which do not depend on order."""
    window: int = 10
    """Number of visits back that a step may begin, affinities are read or a choice is a repeat."""
    gap_decay: Share = 0.65
    """Weight of a step over one visit between beside a direct one."""
    backward_weight: float = 0.2
    """Weight of a step in the direction opposite to how it was made."""
    count_power: float = 0.15
    """Rows of transitions are divided by their count to this power: 0 not at all, 1 to shares."""
    neighbours: int = 64
    """Number of targets that each row of a table keeps."""
    covisit_history: int = 50
    """Number of a user's newest visits that count for co-visits."""
    covisit_shrinkage: Annotated[float, Range(1.0, 50.0, log=True)] = 5.0
    """Added to the cosine's denominator: higher trusts rare pairs less."""
    related_items_prior: float = 5.0
    """Imagined steps from each breed (size and age, species) to itself."""
    related_items_level_fade: Positive = 0.6
    """Weight of size and age beside the breed, and of the species beside size and age."""
    related_items_smoothing: Positive = 1.0
    """Users added to every item when related items share: higher helps untouched items."""
    availability_smoothing: Positive = 0.5
    """Animals added to an item's usual number before it is compared with the number now."""
    smoothing: Annotated[Positive, Bound.UP_TO_ONE] = 0.1
    """Users (less than one) added to every item's popularity."""
    facet_doubt: Positive = 10.0
    """Choices with a facet (a device, a user attribute) at which half of its effect is believed."""
    facet_fade: Positive = 3.0
    """Evidence (about one view each) at which what is known beside events counts half."""
    preference_unlike: Annotated[Positive, Bound.UP_TO_ONE] = 0.1
    """Likelihood of animals that do not match an answer of the quiz, beside those that do."""
    daypart_hours: float = 0.0
    """Hours of each band of the day that is a facet of the visit; 0: the time of day is none."""
    utc_offset_hours: float = 0.0
    """Hours to add to UTC for the local time of day, 0 to 24."""

    def __post_init__(self) -> None:
        RecipeSettings.__post_init__(self)
        for name in ("daypart_hours", "utc_offset_hours"):
            check_between(name, getattr(self, name), 0, 24)
        try:
            self._others()
        except msgspec.MsgspecError as error:
            raise InvalidInput(
                f'other_event_weights must be JSON such as {{"Watch": 0.5}}: {error}',
                field="other_event_weights",
            ) from error
        together = self.transition_weight + self.covisit_weight + self.related_items_weight
        if together > 1:
            raise InvalidInput(
                "transition_weight, covisit_weight and related_items_weight must be at most 1"
                f" together, not {together:g}",
                field="transition_weight",
            )

    def _others(self) -> dict[str, float]:
        return msgspec.json.decode(self.other_event_weights or "{}", type=_Weights)

    @property
    def dayparts(self) -> Dayparts:
        """The time of day as a facet."""
        return Dayparts(self.daypart_hours, self.utc_offset_hours)

    @property
    def event_weights(self) -> EventWeights:
        """Weights of events by type."""
        return EventWeights(
            of_type={
                "view": self.view_weight,
                "favorite": self.favorite_weight,
                "inquiry": self.inquiry_weight,
                "application": self.application_weight,
                "adoption": self.adoption_weight,
                **self._others(),
            },
            others=self.view_weight,
            valued=frozenset(filter(None, map(str.strip, self.value_weighted_events.split(",")))),
            half_life_days=self.behaviour_half_life_days,
        )


_NO_FACETS = np.zeros(0, np.int64)
TABLES = ("own history", "transitions", "co-visits", "related items", "popularity")


class Interests(NamedTuple):
    """A visitor's items, each once, the newest first."""

    ids: tuple[str, ...]
    rows: Ints
    strengths: Singles

    def faded_strengths(self, decay: float) -> Singles:
        """The strengths, each item counting `decay` times the one after it, shape (items,)."""
        return self.strengths * _fades(decay, len(self.strengths))


@cache
def _fades(decay: float, length: int) -> Singles:
    return np.float32(decay) ** np.arange(length, dtype=np.float32)


def read_interests(
    context: Context, index: ItemIndex, weights: EventWeights, half_life_days: float
) -> Interests:
    """Gather faded events by item; each repeat adds half as much as the one before."""
    strengths: dict[str, float] = {}
    repeats: dict[str, float] = {}
    now, half_life = context.now, half_life_days * DAY
    for event in context.events:
        strength = weights.of_event(event.event_type, event.value)
        age = now - event.time
        if age > 0:
            # Bounded as in training, so that visitors who come back after years keep an order.
            strength *= 0.5 ** min(age / half_life, OLDEST)
        item = event.item
        if item in strengths:
            repeats[item] *= 0.5
            strengths[item] += strength * repeats[item]
        else:
            repeats[item] = 1.0
            strengths[item] = strength
    ids = tuple(strengths)
    return Interests(ids, index.rows(ids), np.array(list(strengths.values()), np.float32))


class MixtureCounts(msgspec.Struct, frozen=True):
    """All that a mixture is made of: sums over users, so those of some can be taken out again."""

    summary: LogSummary
    users: Floats
    steps: Counts
    covisits: Covisits
    hours: Ints
    fades: Floats
    facets: Counts
    choices: Floats
    repeated: int
    preceded: int

    @classmethod
    def of(
        cls, log: EventCounts, settings: MixtureSettings, whole: LogSummary | None = None
    ) -> "MixtureCounts":
        """Count; nothing is random. `whole` is what is known of all, if these are some users."""
        s, weights = settings, settings.event_weights
        return cls(
            whole or log.summary,
            log.users(s.popularity_half_life_days),
            log.steps(weights, s.window, s.gap_decay),
            log.covisits(weights, s.covisit_history),
            *log.hours(weights),
            log.facets(weights, s.dayparts),
            log.choices(weights),
            *log.repeats(s.window),
        )

    def minus(self, part: "MixtureCounts") -> "MixtureCounts":
        """The counts of all users but those of the part."""
        # All sums are multiples of 2 ** -20, which float64 subtracts exactly: the result has the
        # bits of a count without these users (docs/adr/0037).
        fades = self.fades.copy()
        fades[np.searchsorted(self.hours, part.hours)] -= part.fades
        return replace(
            self,
            users=self.users - part.users,
            steps=tidy(self.steps - part.steps),
            covisits=self.covisits.minus(part.covisits),
            fades=fades,
            facets=tidy(self.facets - part.facets),
            choices=self.choices - part.choices,
            repeated=self.repeated - part.repeated,
            preceded=self.preceded - part.preceded,
        )


class Mixture(Stored, frozen=True):
    """The candidate tables; `repeat_share` is how often users return to what they saw."""

    index: ItemIndex
    transitions: Annotated[SparseRows, Kept("transitions.", "items")]
    covisits: Annotated[SparseRows, Kept("covisits.", "items")]
    related: Annotated[RelatedItems, Kept("")]
    popularity: Annotated[Popularity, Kept("")]
    availability: Annotated[AvailabilityFactor, Kept("")]
    facets: Annotated[FacetLifts, Kept("")]
    return_rate: Annotated[ReturnRate | None, Kept("returns.")]
    repeat_share: float
    _settings: MixtureSettings
    _weights: EventWeights

    @classmethod
    def of(cls, counts: MixtureCounts, index: ItemIndex, settings: MixtureSettings) -> "Mixture":
        """Derive the tables."""
        s, users, summary = settings, counts.users, counts.summary
        data = summary.data
        steps = both_ways(counts.steps, s.backward_weight)
        between_cells = cell_steps(
            steps,
            index,
            width=s.neighbours,
            prior=s.related_items_prior,
            fade=s.related_items_level_fade,
        )
        base = (users + s.related_items_smoothing).astype(np.float32)
        facets = tuple(dict.fromkeys((*summary.facets, *s.dayparts.names)))
        weights = s.event_weights
        return cls(
            index=index,
            transitions=transition_table(steps, width=s.neighbours, power=s.count_power),
            covisits=covisit_table(
                counts.covisits, width=s.neighbours, shrinkage=s.covisit_shrinkage
            ),
            related=RelatedItems.of(between_cells, base, index),
            popularity=Popularity.of(users, index, s.smoothing),
            availability=AvailabilityFactor(
                data.stays.mean(counts.hours, counts.fades, len(users)), s.availability_smoothing
            ),
            facets=FacetLifts.of(facets, counts.facets, index, s.facet_doubt, s.preference_unlike),
            return_rate=ReturnRate.of(
                counts.choices,
                ((data.returned, s.return_weight), (data.disliked, s.dislike_weight)),
                summary.times,
                data.as_of,
                weights.half_life_days,
            ),
            repeat_share=repeat_share(counts.repeated, counts.preceded),
            _settings=s,
            _weights=weights,
        )

    @classmethod
    def load(cls, arrays: Arrays, settings: MixtureSettings, repeat_share: float) -> "Mixture":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        s, sizes = settings, Sizes()
        index = ItemIndex.from_arrays(arrays, sizes)
        has_returns = any(name.startswith("returns.") for name in arrays)
        return cls.from_arrays(
            arrays,
            sizes,
            index=index,
            related=RelatedItems.of(**RelatedItems.read(arrays, sizes), index=index),
            availability=AvailabilityFactor.from_arrays(
                arrays, sizes, smoothing=s.availability_smoothing
            ),
            facets=FacetLifts.load(arrays, index, s.facet_doubt, s.preference_unlike),
            return_rate=(
                ReturnRate.from_arrays(arrays, sizes, "returns.") if has_returns else None
            ),
            repeat_share=repeat_share,
            _settings=s,
            _weights=s.event_weights,
        )

    def parts(self, context: Context, outside: Sequence[str]) -> Singles:
        """Return the share of each table in the scores, shape (tables, items + outside)."""
        s = self._settings
        recent = Context(context.events[: s.context_events], context.now)
        seen = read_interests(recent, self.index, self._weights, s.context_half_life_days)
        affinity = self.affinity(seen)
        reached = self.related.reached(self._cells(seen, len(affinity)), affinity)
        parts = np.zeros((len(TABLES), len(self.index.ids) + len(outside)), np.float32)
        facets = self.facet_rows(context)
        self.weigh(seen, outside, context.availability, facets, reached, parts)
        return parts

    def facet_rows(self, context: Context) -> Ints:
        """The rows of what is known of the visitor beside events, the time of day included."""
        moment = self._settings.dayparts.at(context.now)
        known = (*context.facets, *moment)
        return self.facets.rows(known) if known else _NO_FACETS

    def affinity(self, seen: Interests) -> Singles:
        """Return the weights of the newest items' cells, shape (up to `window`,)."""
        s = self._settings
        return seen.faded_strengths(s.related_items_history_decay)[: s.window]

    def _cells(self, seen: Interests, count: int) -> Ints:
        rows = seen.rows[:count]
        cells = self.index.cells[:, rows]
        outside = np.flatnonzero(rows == len(self.index.ids))
        if len(outside):
            cells[:, outside] = self.index.cells_of_ids([seen.ids[k] for k in outside.tolist()])
        return cells

    def weigh(
        self,
        seen: Interests,
        outside: Sequence[str],
        availability: NDArray[np.integer] | None,
        facets: Ints,
        reached: Singles,
        out: Singles,
    ) -> None:
        """Add proposals to `out` (table, items + outside): most * evidence / (evidence + doubt)."""
        self._propose(seen, outside, availability, reached, out)
        tilt = self.facets.tilt(facets)
        if tilt is not None:  # what others like, not what the visitor did
            cells = self.index.cells_of_ids(outside)
            tilt.apply(out[-2:], self.index, cells, self.facet_trust(seen.strengths.sum()))
        if self.return_rate is not None:
            self.return_rate.apply(out)
        if availability is not None:
            self.availability.apply(out, availability, has_history=bool(seen.ids))

    def facet_trust(self, evidence: float) -> float:
        """Return the weight of facets beside so much evidence of events, 0 to 1."""
        fade = self._settings.facet_fade
        return float(fade / (fade + evidence))

    def _propose(
        self,
        seen: Interests,
        outside: Sequence[str],
        availability: NDArray[np.integer] | None,
        reached: Singles,
        out: Singles,
    ) -> None:
        """Write the tables' proposals before factors that keep each table's sum."""
        s, n_items = self._settings, len(self.index.ids)
        latest = seen.faded_strengths(s.history_decay)
        known = seen.rows < n_items
        if availability is not None:
            # What cannot be adopted now proposes nothing; popularity gets its share.
            known[known] = availability[seen.rows[known]] > 0
        # Steps are counted over `window` visits, so older ones have nothing to say about them.
        steps, step_worth = _times(self.transitions.gather(seen.rows[: s.window]), latest)
        met, met_worth = _times(
            self.covisits.gather(seen.rows), seen.faded_strengths(s.covisit_history_decay)
        )
        inside = [float(part.sum()) for part in (latest[known], step_worth, met_worth, reached)]
        # A visitor's own items outside the catalogue are evidence of what they return to as well.
        evidence = [float(latest.sum()), *inside[1:]]
        first, second, third, fourth = (
            np.float32(most / (amount + s.doubt))
            for most, amount in zip(self._most(), evidence, strict=True)
        )
        weights = (first, second, third, fourth)
        # Popularity fills the sum up to 1, so little evidence means mostly popular items: smoothing
        # with popularity as the prior.
        rest = 1.0 - sum(weight * part for weight, part in zip(weights, inside, strict=True))
        own, transitions, covisits, related, popularity = out
        own[seen.rows[known]] = latest[known] * first
        np.add.at(transitions, steps, step_worth * second)
        np.add.at(covisits, met, met_worth * third)
        lift = reached * fourth / self.related.cell_base
        self.related.spread_to(related[:n_items], lift, self.index)
        # Rounding may leave less than 0.
        rest = np.float32(max(0.0, rest))
        np.multiply(self.popularity.share, rest, out=popularity[:n_items])
        if outside:
            cells = self.index.cells_of_ids(outside)
            own_of = dict(zip(seen.ids, (latest * first).tolist(), strict=True))
            own[n_items:] = [own_of.get(item, 0.0) for item in outside]
            # The base of an item that nobody touched is the smoothing alone.
            related[n_items:] = lift[cells].sum(axis=0) * np.float32(s.related_items_smoothing)
            popularity[n_items:] = self.popularity.of_cells(cells) * rest

    def _most(self) -> tuple[float, ...]:
        s, others = self._settings, 1 - self.repeat_share
        weights = (s.transition_weight, s.covisit_weight, s.related_items_weight)
        return (self.repeat_share, *(weight * others for weight in weights))


def _times(entries: Entries, factors: Singles) -> tuple[NDArray[np.intp], Singles]:
    columns, values, lengths = entries
    return columns, values * factors[: len(lengths)].repeat(lengths)
