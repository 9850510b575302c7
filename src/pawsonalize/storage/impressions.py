"""The port of what was answered, for the engine; moments are milliseconds since 1970."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP

RECOMMENDATION: Final = "recommendation"
RANKING: Final = "ranking"
ANIMALS: Final = "animals"
ANIMAL_RANKING: Final = "animal-ranking"


@dataclass(frozen=True, slots=True)
class Impression:
    """One answer as it was given: the ids in order, to whom, by which solution version.

    `propensities` is, for each place, the probability of its item given those before it; None
    for an answer that explores nothing by its nature, or from before they were kept. In an answer
    of animals `item_ids` are their groups, `animal_ids` who has each place, and `factors` how much
    each one's group was liked and its factors, without their weights.
    """

    recommendation_id: str
    question: str
    user_id: str | None
    session_id: str | None
    answered_at: int
    as_of: int
    solution_version: str
    item_ids: tuple[str, ...]
    propensities: tuple[float, ...] | None = None
    dataset_group: str = DEFAULT_DATASET_GROUP
    animal_ids: tuple[tuple[str, ...], ...] | None = None
    factors: tuple[tuple[float, ...], ...] | None = None

    @property
    def is_seen(self) -> bool:
        """Whether somebody sees its items: not a replay, and not a caller's list of animals."""
        return self.question in {RECOMMENDATION, ANIMALS} and self.as_of == self.answered_at


class Impressions(Protocol):
    """What was answered, by recommendation id; each call but `append` is of one dataset group."""

    def of(self, dataset_group: str) -> "Impressions":
        """The impressions of another dataset group."""
        ...

    def append(self, impressions: Sequence[Impression]) -> None:
        """Store in one transaction."""
        ...

    def get(self, recommendation_id: str) -> Impression | None:
        """One answer, or None."""
        ...

    def between(self, since: int, until: int, after: str, limit: int) -> list[Impression]:
        """Answers given at `since` or later and before `until`, with ids above `after`, by id."""
        ...

    def erase_visitors(self, user_ids: Sequence[str], session_ids: Sequence[str]) -> int:
        """Delete what was answered to these users and in these sessions; returns how many.

        How often items were shown stays: it names nobody.
        """
        ...

    def shown(self, at: int) -> dict[str, float]:
        """How often each item was shown; a showing of 30 days before `at` counts half.

        In the first 25 places of answers that are seen, and in the impressions that events
        without a recommendation id reported: those of the others were answers. Items that were
        never shown are left out.
        """
        ...
