"""Recipes by AWS's names, with the recipe of ours behind each, and those of AWS's two domains."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from pawsonalize.aws.arn import public_arn, public_name
from pawsonalize.aws.resources import by_name, part_of
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY
from pawsonalize.models.recipes import (
    NEXT_BEST_ACTION,
    PERSONALIZED_RANKING,
    POPULARITY_COUNT,
    SIMILAR_ITEMS,
    TRENDING_NOW,
    USER_PERSONALIZATION,
)
from pawsonalize.models.recipes.catalogue import all_recipes, docstring, recipe_named
from pawsonalize.models.recipes.settings import tunable
from pawsonalize.resources.kind import Status

log = get_logger()

SEGMENTATION = "USER_SEGMENTATION"
_TRANSFORMATION: Final = "JSON-percentile-filtering"
_SINCE: Final = 20_454 * DAY  # they came with the service itself, at the beginning of 2026
_ALWAYS: Final = {
    "status": Status.ACTIVE,
    "creationDateTime": _SINCE,
    "lastUpdatedDateTime": _SINCE,
}


# Segments of users are made of the model that also recommends, since it has each user's affinity.
class AwsRecipe(msgspec.Struct, frozen=True):
    """A recipe by AWS's name, with ours; it has AWS's type, or is a use case of a domain."""

    name: str
    recipe: str
    kind: str | None = None
    domain: str | None = None
    title: str = ""
    """What AWS's pages and its console call a use case."""
    requires: tuple[str, ...] = ()
    """Members of GetRecommendations that a use case requires."""
    learns_from: str | None = None
    """The one event type that a use case learns from; None: it learns from all."""
    leaves_out: str | None = None
    """Event type whose items a use case does not recommend to the same user; None: none."""
    settings: Mapping[str, Any] = {}
    """Settings of the recipe, where a use case counts otherwise."""


def _named(*recipes: AwsRecipe) -> Mapping[str, AwsRecipe]:
    return MappingProxyType({one.name: one for one in recipes})


AWS_RECIPES = _named(
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
_USE_CASES = tomllib.loads(Path(__file__).with_name("use_cases.toml").read_text("utf-8"))
DOMAIN_RECIPES = _named(*msgspec.convert(_USE_CASES["use_cases"], list[AwsRecipe]))

# Recommendations of the others have no scores in AWS either.
WITH_SCORES = frozenset({USER_PERSONALIZATION, PERSONALIZED_RANKING})

# Hyperparameters of AWS's that no model here has, with AWS's bounds: a warning is logged.
WITHOUT_EFFECT: Final[Mapping[str, tuple[float, float] | None]] = {
    "apply_recency_bias": None,
    "bptt": (2, 32),
    "cold_start_max_duration": None,
    "cold_start_max_interactions": None,
    "cold_start_relative_from": None,
    "hidden_dimension": (32, 256),
    "item_id_hidden_dimension": (30, 200),
    "item_metadata_hidden_dimension": (30, 200),
    "min_cointeraction_count": (0, 10),
    "recency_mask": None,
}
# Fields of a selection: "min_…_percentile" and "max_…_percentile" are its two numbers.
_PERCENTILES: Final = {
    "user_percentiles": "user_history_length",
    "item_percentiles": "item_interaction_count",
}
_TREND_HOURS: Final = {"30 minutes": 0.5, "1 hour": 1.0, "3 hours": 3.0, "1 day": 24.0}


def hyperparameters(given: Mapping[str, str]) -> dict[str, object]:
    """Return our settings of AWS's hyperparameters; InvalidInputException for what AWS refuses."""
    settings: dict[str, object] = {}
    for name, text in given.items():
        if name in WITHOUT_EFFECT:
            bounds = WITHOUT_EFFECT[name]
            if bounds is not None and not bounds[0] <= _number(name, text) <= bounds[1]:
                raise InvalidInput(f"{name} may be {bounds[0]} to {bounds[1]}, not {text}")
            log.warning("hyperparameter without effect", name=name)
        elif name == "popularity_discount_factor":
            # AWS's factor takes popularity away, ours lets it in.
            settings["popularity_influence"] = 1 - _number(name, text)
        elif name == "trend_discovery_frequency":
            if text not in _TREND_HOURS:
                raise InvalidInput(f"{name} may be {', '.join(_TREND_HOURS)}")
            settings["window_hours"] = _TREND_HOURS[text]
        else:
            settings[name] = text
    return settings


def percentiles(given: Mapping[str, str]) -> tuple[dict[str, tuple[float, float]], dict[str, str]]:
    """Return the fields of a selection that the percentiles are, and the other hyperparameters."""
    found, others = {}, dict(given)
    for field, counted in _PERCENTILES.items():
        least, most = f"min_{counted}_percentile", f"max_{counted}_percentile"
        low, high = _number(least, others.pop(least, "0")), _number(most, others.pop(most, "1"))
        if not 0 <= low < high <= 1:
            raise InvalidInput(
                f"{least} must be below {most}, and both 0 to 1, not {low:g} and {high:g}"
            )
        found[field] = (low, high)
    return found, others


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"{name} must be a number, not {text}") from None


def recipe_arn(recipe: str, given: Mapping[str, object]) -> str:
    """Return the ARN of our recipe: the one that a request named, or AWS's newest name."""
    if "recipeArn" in given:
        return str(given["recipeArn"])
    named = (name for name, one in AWS_RECIPES.items() if one.recipe == recipe)
    return public_arn("recipe", next(named, recipe))


def recipe_of(arn: str, known: Mapping[str, AwsRecipe] | None = None) -> AwsRecipe:
    """Return the recipe of that ARN; ResourceNotFoundException lists those there are."""
    if known is None:
        known = {**AWS_RECIPES, **_without_counterpart()}
    recipe = known.get(public_name(arn, "recipe"))
    if recipe is None:
        raise NotFound(f"there is no {arn}; there are {', '.join(known)}")
    return recipe


def _without_counterpart() -> Mapping[str, AwsRecipe]:
    """Return the recipes that Amazon does not have: its ARN with their names."""
    kinds = {True: "RELATED_ITEMS", False: "USER_PERSONALIZATION"}
    behind = {one.recipe for one in AWS_RECIPES.values()}
    return {
        name: AwsRecipe(name, name, kinds[recipe.needs_item])
        for name, recipe in all_recipes().items()
        if name not in behind
    }


def list_recipes(_services: AwsServices, members: Members) -> Answer:
    """Lists AWS's names of this service's recipes, or those of a domain."""
    recipes = [*AWS_RECIPES.values(), *_without_counterpart().values()]
    if "domain" in members:
        recipes = [one for one in DOMAIN_RECIPES.values() if one.domain == members["domain"]]
    shown, token = part_of(recipes, members)
    return {"recipes": [_described(recipe) for recipe in shown], "nextToken": token}


def describe_recipe(_services: AwsServices, members: Members) -> Answer:
    """Describes the recipe of ours that stands behind AWS's name."""
    arn = members["recipeArn"]
    return {"recipe": _described(DOMAIN_RECIPES.get(public_name(arn, "recipe")) or recipe_of(arn))}


def describe_algorithm(_services: AwsServices, members: Members) -> Answer:
    """Answers our recipe's settings as the hyperparameters of AWS's algorithm."""
    name = public_name(members["algorithmArn"], "algorithm")
    recipe = DOMAIN_RECIPES.get(name) or recipe_of(public_arn("recipe", name))
    settings = recipe_named(recipe.recipe).settings
    algorithm = {
        "name": name,
        "algorithmArn": members["algorithmArn"],
        "defaultHyperParameters": {
            key: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for key, value in asdict(settings(**recipe.settings)).items()
        },
        "defaultHyperParameterRanges": {
            "continuousHyperParameterRanges": [
                {"name": key, "minValue": one.low, "maxValue": one.high, "isTunable": True}
                for key, one in tunable(settings).items()
            ]
        },
        "trainingInputMode": "File",
    }
    return {"algorithm": _ALWAYS | algorithm}


def describe_feature_transformation(_services: AwsServices, members: Members) -> Answer:
    """Describes the one transformation, which leaves nothing out but by percentiles."""
    arn = members["featureTransformationArn"]
    name = public_name(arn, "feature-transformation")
    if name != _TRANSFORMATION:
        raise NotFound(f"there is no feature transformation {name}")
    shown = {"name": name, "featureTransformationArn": arn, "defaultParameters": {}}
    return {"featureTransformation": _ALWAYS | shown}


def _described(recipe: AwsRecipe) -> Answer:
    text = docstring(recipe_named(recipe.recipe))
    return _ALWAYS | {
        "name": recipe.name,
        "recipeArn": public_arn("recipe", recipe.name),
        "algorithmArn": public_arn("algorithm", recipe.name),
        "featureTransformationArn": public_arn("feature-transformation", _TRANSFORMATION),
        "description": f"{recipe.recipe}: {text.partition(chr(10))[0]}",
        "recipeType": recipe.kind,
        "domain": recipe.domain,
    }


WARNING: Final = "x-pawsonalize-warning"
"""The header of an answer that has one of them; there may be several."""
_LEAST = 1  # the rate that Amazon takes where none is given
_NOTHING: Final[Mapping[str, str]] = {
    "kmsKeyArn": "there are no keys of KMS: encrypt the disk",
    "minProvisionedTPS": "nothing is scaled or throttled by it",
    "minRecommendationRequestsPerSecond": "nothing is scaled or throttled by it",
}


def without_effect(members: object) -> Iterator[str]:
    """Yield a sentence for each member, hyperparameter and HPO range that does nothing."""
    if isinstance(members, list | tuple):
        for one in members:
            yield from without_effect(one)
    if not isinstance(members, Mapping):
        return
    for name, value in members.items():
        if name in _NOTHING and value not in {None, _LEAST}:
            yield f"{name}: {_NOTHING[name]}"
        elif name in WITHOUT_EFFECT:
            yield f"{name}: no model here has this hyperparameter"
        elif name.endswith("HyperParameterRanges") and isinstance(value, list | tuple):
            yield from _ranges(value)
        else:
            yield from without_effect(value)


def _ranges(listed: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    for one in listed:
        if one.get("name") in WITHOUT_EFFECT:
            yield f"{one['name']}: its range is not searched because no model here has it"


OPERATIONS = by_name(
    list_recipes, describe_recipe, describe_algorithm, describe_feature_transformation
)
