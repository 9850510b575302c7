"""How much popularity and freshness move what is similar: said by who serves, not by training."""

from typing import Protocol

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.recipes.contract import InfluencedModel, Model
from pawsonalize.recipes.similar_items import SimilarItems


class Influence(Protocol):
    """Who says how much they count, 0 to 1; None leaves it to the settings of the training."""

    @property
    def popularity_influence(self) -> float | None:
        """At 1 the popular of two similar items comes first."""
        ...

    @property
    def freshness_influence(self) -> float | None:
        """At 1 the newer of two similar items comes first."""
        ...


def check_influence(recipe: str, wanted: Influence) -> None:
    """InvalidInput if something is wanted of a recipe that knows no influences."""
    if recipe != SimilarItems.name and _is_wanted(wanted):
        raise InvalidInput(
            f"an influence of popularity or freshness is for {SimilarItems.name}, and"
            f" {recipe} has none: leave it out",
            field="popularityInfluence",
        )


def influenced(model: Model, wanted: Influence) -> Model:
    """The model as it is wanted; one that knows no influences stays as it is."""
    if not _is_wanted(wanted) or not isinstance(model, InfluencedModel):
        return model
    return model.influenced(wanted.popularity_influence, wanted.freshness_influence)


def _is_wanted(wanted: Influence) -> bool:
    return wanted.popularity_influence is not None or wanted.freshness_influence is not None
