"""The names of the recipes, for code that tells them apart and need not load one."""

from typing import Final

USER_PERSONALIZATION: Final = "user-personalization"
PERSONALIZED_RANKING: Final = "personalized-ranking"
POPULARITY_COUNT: Final = "popularity-count"
TRENDING_NOW: Final = "trending-now"
SIMILAR_ITEMS: Final = "similar-items"
NEXT_BEST_ACTION: Final = "next-best-action"
