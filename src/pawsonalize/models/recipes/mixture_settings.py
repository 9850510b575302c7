"""Settings of the mixture, which every learned recipe has as its base."""

from typing import Annotated

import msgspec

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.limits import check_between
from pawsonalize.models.recipes.counts.weights import EventWeights
from pawsonalize.models.recipes.data import Dayparts
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
