"""The entries of the directory: each campaign, its dataset group, what it serves and can answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.recommenders import Recommender
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import Solution
from pawsonalize.engine.resources.status import Status
from pawsonalize.recipes.personalized_ranking import PersonalizedRanking
from pawsonalize.recipes.popularity_count import PopularityCount
from pawsonalize.recipes.similar_items import SimilarItems
from pawsonalize.recipes.trending_now import TrendingNow
from pawsonalize.recipes.user_personalization import UserPersonalization


class Purpose(StrEnum):
    """What is asked of a campaign, in words that go on from "a campaign that"."""

    RECOMMENDING = "recommends"
    COMPARING = "answers what is like an item"
    RANKING = "ranks"


# The recipes that answer, nearest first; those in one set are equally near.
_RECIPES: Mapping[Purpose, tuple[frozenset[str], ...]] = MappingProxyType(
    {
        Purpose.RECOMMENDING: (
            frozenset({UserPersonalization.name}),
            frozenset({PopularityCount.name, TrendingNow.name}),
        ),
        Purpose.COMPARING: (
            frozenset({SimilarItems.name}),
            frozenset({UserPersonalization.name}),
            frozenset({PopularityCount.name, TrendingNow.name}),
        ),
        Purpose.RANKING: (
            frozenset({PersonalizedRanking.name}),
            frozenset({UserPersonalization.name}),
            frozenset({PopularityCount.name, TrendingNow.name}),
        ),
    }
)


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A campaign of a dataset group; `is_stopped` is one whose recommender is INACTIVE."""

    campaign: Campaign
    dataset_group: str
    recipe: str
    is_stopped: bool = False

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.campaign.name

    @property
    def serves(self) -> bool:
        """Whether it serves a version."""
        return self.campaign.solution_version is not None and not self.is_stopped

    @property
    def age(self) -> tuple[int, str]:
        """What puts campaigns in the order in which they were created."""
        return self.campaign.created_at, self.campaign.name

    def fits(self, purpose: Purpose) -> bool:
        """Whether its recipe answers that."""
        return self.distance(purpose) < len(_RECIPES[purpose])

    def distance(self, purpose: Purpose) -> int:
        """How many recipes would be nearer."""
        near = _RECIPES[purpose]
        return next((n for n, recipes in enumerate(near) if self.recipe in recipes), len(near))


def entries(registry: Registry) -> list[DirectoryEntry]:
    """Every campaign, newest first; three looks at the tables."""
    solutions = {one.name: one for one in registry.all(Solution)}
    stopped = {one.served_by for one in registry.all(Recommender) if one.status is Status.INACTIVE}
    found = []
    for campaign in registry.all(Campaign):
        solution = solutions.get(campaign.solution)
        if solution is not None:
            found.append(
                DirectoryEntry(
                    campaign, solution.dataset_group, solution.recipe, campaign.name in stopped
                )
            )
    return found
