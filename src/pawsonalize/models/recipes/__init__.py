"""Algorithms, a file for each: fit() and score(). Their names are here and load none of them."""

from typing import Final

USER_PERSONALIZATION: Final = "user-personalization"
PERSONALIZED_RANKING: Final = "personalized-ranking"
POPULARITY_COUNT: Final = "popularity-count"
TRENDING_NOW: Final = "trending-now"
SIMILAR_ITEMS: Final = "similar-items"
NEXT_BEST_ACTION: Final = "next-best-action"
RANDOM: Final = "random"
OWN_HISTORY: Final = "own-history"
ATTRIBUTES: Final = "attributes"
ITEM_KNN: Final = "item-knn"
EASE: Final = "ease"
ITEM_TRANSITIONS: Final = "item-transitions"
IMPORTED_SCORES: Final = "imported-scores"
IMPORTED_SIMILAR_ITEMS: Final = "imported-similar-items"
HTTP_SCORER: Final = "http-scorer"
