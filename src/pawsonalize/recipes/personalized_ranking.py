"""`personalized-ranking`: in which order this visitor would like a given list best.

The engine of `user-personalization`, trained to tell apart more and less likely candidates than
the top alone, since a list to order holds what its site chose.
"""

from dataclasses import dataclass

from pawsonalize.recipes.names import PERSONALIZED_RANKING
from pawsonalize.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationSettings,
)


@dataclass(frozen=True, slots=True)
class PersonalizedRankingSettings(UserPersonalizationSettings):
    """Settings of `personalized-ranking`."""

    candidates: int = 1_000
    """Number of items that the learned ranker orders for a request."""


class PersonalizedRanking(UserPersonalization):
    """The learned ranking over as many candidates as a list may hold, and more."""

    name = PERSONALIZED_RANKING
    settings = PersonalizedRankingSettings
