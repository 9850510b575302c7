"""The recipes of AWS's two domains: which of ours stands behind each, and what it learns from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pawsonalize.recipes.popularity_count import PopularityCount
from pawsonalize.recipes.similar_items import SimilarItems
from pawsonalize.recipes.trending_now import TrendingNow
from pawsonalize.recipes.user_personalization import UserPersonalization

_SHOP = "ECOMMERCE"
_VIDEO = "VIDEO_ON_DEMAND"


@dataclass(frozen=True, slots=True)
class DomainRecipe:
    """A use case by AWS's name, our recipe, and the one event type it learns from, if only one."""

    name: str
    domain: str
    recipe: str
    event_type: str | None = None


_LISTED = (
    DomainRecipe("aws-ecomm-recommended-for-you", _SHOP, UserPersonalization.name),
    DomainRecipe("aws-ecomm-customers-who-viewed-x-also-viewed", _SHOP, SimilarItems.name, "View"),
    DomainRecipe("aws-ecomm-frequently-bought-together", _SHOP, SimilarItems.name, "Purchase"),
    DomainRecipe("aws-ecomm-popular-items-by-purchases", _SHOP, PopularityCount.name, "Purchase"),
    DomainRecipe("aws-ecomm-popular-items-by-views", _SHOP, PopularityCount.name, "View"),
    DomainRecipe("aws-vod-top-picks", _VIDEO, UserPersonalization.name),
    DomainRecipe("aws-vod-because-you-watched-x", _VIDEO, SimilarItems.name, "Watch"),
    DomainRecipe("aws-vod-more-like-x", _VIDEO, SimilarItems.name),
    DomainRecipe("aws-vod-most-popular", _VIDEO, PopularityCount.name, "Watch"),
    DomainRecipe("aws-vod-trending-now", _VIDEO, TrendingNow.name),
)

DOMAIN_RECIPES: Mapping[str, DomainRecipe] = MappingProxyType({one.name: one for one in _LISTED})
