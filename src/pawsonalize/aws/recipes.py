"""AWS's recipes, and those of its two domains: which of ours stands behind each.

Segments of users are made of the model that also recommends: it knows what each user likes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pawsonalize.aws.arn import public_arn
from pawsonalize.recipes import (
    NEXT_BEST_ACTION,
    PERSONALIZED_RANKING,
    POPULARITY_COUNT,
    SIMILAR_ITEMS,
    TRENDING_NOW,
    USER_PERSONALIZATION,
)

SEGMENTATION = "USER_SEGMENTATION"


@dataclass(frozen=True, slots=True)
class AwsRecipe:
    """A recipe by AWS's name for it, our recipe, and AWS's type."""

    name: str
    recipe: str
    kind: str


_LISTED = (
    AwsRecipe("aws-user-personalization-v2", USER_PERSONALIZATION, "USER_PERSONALIZATION"),
    AwsRecipe("aws-user-personalization", USER_PERSONALIZATION, "USER_PERSONALIZATION"),
    AwsRecipe("aws-personalized-ranking-v2", PERSONALIZED_RANKING, "PERSONALIZED_RANKING"),
    AwsRecipe("aws-personalized-ranking", PERSONALIZED_RANKING, "PERSONALIZED_RANKING"),
    AwsRecipe("aws-similar-items", SIMILAR_ITEMS, "RELATED_ITEMS"),
    AwsRecipe("aws-sims", SIMILAR_ITEMS, "RELATED_ITEMS"),
    AwsRecipe("aws-popularity-count", POPULARITY_COUNT, "POPULAR_ITEMS"),
    AwsRecipe("aws-trending-now", TRENDING_NOW, "TRENDING_NOW"),
    AwsRecipe("aws-item-affinity", USER_PERSONALIZATION, SEGMENTATION),
    AwsRecipe("aws-item-attribute-affinity", USER_PERSONALIZATION, SEGMENTATION),
    AwsRecipe("aws-next-best-action", NEXT_BEST_ACTION, "NEXT_BEST_ACTION"),
    AwsRecipe("aws-hrnn", USER_PERSONALIZATION, "USER_PERSONALIZATION"),
    AwsRecipe("aws-hrnn-coldstart", USER_PERSONALIZATION, "USER_PERSONALIZATION"),
    AwsRecipe("aws-hrnn-metadata", USER_PERSONALIZATION, "USER_PERSONALIZATION"),
)

AWS_RECIPES: Mapping[str, AwsRecipe] = MappingProxyType({one.name: one for one in _LISTED})

# Recommendations of the others have no scores, as there.
WITH_SCORES = frozenset({USER_PERSONALIZATION, PERSONALIZED_RANKING})

# Those that programs name, and that no model here has: they are taken and have no effect.
WITHOUT_EFFECT = frozenset(
    {
        "apply_recency_bias",
        "bptt",
        "hidden_dimension",
        "item_id_hidden_dimension",
        "item_metadata_hidden_dimension",
        "max_item_interaction_count_percentile",
        "max_user_history_length_percentile",
        "min_cointeraction_count",
        "min_item_interaction_count_percentile",
        "min_user_history_length_percentile",
        "popularity_discount_factor",
        "recency_mask",
        "trend_discovery_frequency",
    }
)


def recipe_arn(recipe: str, asked: Mapping[str, Any]) -> str:
    """The ARN of our recipe: the one that was asked for, or the newest name that AWS has."""
    if "recipeArn" in asked:
        return str(asked["recipeArn"])
    return public_arn("recipe", next(one.name for one in _LISTED if one.recipe == recipe))


_SHOP = "ECOMMERCE"
_VIDEO = "VIDEO_ON_DEMAND"


@dataclass(frozen=True, slots=True)
class DomainRecipe:
    """A use case by AWS's name, our recipe, and the one event type it learns from, if only one."""

    name: str
    domain: str
    recipe: str
    event_type: str | None = None


_LISTED_OF_DOMAINS = (
    DomainRecipe("aws-ecomm-recommended-for-you", _SHOP, USER_PERSONALIZATION),
    DomainRecipe("aws-ecomm-customers-who-viewed-x-also-viewed", _SHOP, SIMILAR_ITEMS, "View"),
    DomainRecipe("aws-ecomm-frequently-bought-together", _SHOP, SIMILAR_ITEMS, "Purchase"),
    DomainRecipe("aws-ecomm-popular-items-by-purchases", _SHOP, POPULARITY_COUNT, "Purchase"),
    DomainRecipe("aws-ecomm-popular-items-by-views", _SHOP, POPULARITY_COUNT, "View"),
    DomainRecipe("aws-vod-top-picks", _VIDEO, USER_PERSONALIZATION),
    DomainRecipe("aws-vod-because-you-watched-x", _VIDEO, SIMILAR_ITEMS, "Watch"),
    DomainRecipe("aws-vod-more-like-x", _VIDEO, SIMILAR_ITEMS),
    DomainRecipe("aws-vod-most-popular", _VIDEO, POPULARITY_COUNT, "Watch"),
    DomainRecipe("aws-vod-trending-now", _VIDEO, TRENDING_NOW),
)

DOMAIN_RECIPES: Mapping[str, DomainRecipe] = MappingProxyType(
    {one.name: one for one in _LISTED_OF_DOMAINS}
)
