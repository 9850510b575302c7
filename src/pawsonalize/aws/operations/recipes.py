"""Recipes, and what AWS says of the algorithm inside each."""

import inspect
from dataclasses import asdict
from typing import Any, Final

from pawsonalize.aws.arn import public_arn, public_name
from pawsonalize.aws.operations.pages import part_of
from pawsonalize.aws.protocol.errors import NOT_FOUND, AwsError
from pawsonalize.aws.recipes import AWS_RECIPES, DOMAIN_RECIPES, AwsRecipe, DomainRecipe
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.domain.times import DAY
from pawsonalize.kinds.resource import Status
from pawsonalize.recipes.catalogue import recipe_named

_TRANSFORMATION: Final = "JSON-percentile-filtering"
_SINCE: Final = 20_454 * DAY  # they came with the service itself, at the beginning of 2026
_ALWAYS: Final = {
    "status": Status.ACTIVE,
    "creationDateTime": _SINCE,
    "lastUpdatedDateTime": _SINCE,
}


def recipe_of(arn: str) -> AwsRecipe:
    """The recipe of that ARN; ResourceNotFoundException lists those there are."""
    recipe = AWS_RECIPES.get(public_name(arn, "recipe"))
    if recipe is None:
        raise AwsError(NOT_FOUND, f"there is no {arn}; there are {', '.join(AWS_RECIPES)}")
    return recipe


def domain_recipe_of(arn: str) -> DomainRecipe:
    """The domain recipe of that ARN; ResourceNotFoundException lists those there are."""
    recipe = DOMAIN_RECIPES.get(public_name(arn, "recipe"))
    if recipe is None:
        raise AwsError(NOT_FOUND, f"there is no {arn}; there are {', '.join(DOMAIN_RECIPES)}")
    return recipe


def list_recipes(_services: AwsServices, members: Members) -> Answer:
    """Lists AWS's names of this service's recipes, or those of a domain."""
    recipes: list[AwsRecipe | DomainRecipe] = [*AWS_RECIPES.values()]
    if "domain" in members:
        recipes = [one for one in DOMAIN_RECIPES.values() if one.domain == members["domain"]]
    shown, token = part_of(recipes, members)
    return {"recipes": [_described(recipe) for recipe in shown], "nextToken": token}


def describe_recipe(_services: AwsServices, members: Members) -> Answer:
    """Describes the recipe of ours that stands behind AWS's name."""
    domain_recipe = DOMAIN_RECIPES.get(public_name(members["recipeArn"], "recipe"))
    return {"recipe": _described(domain_recipe or recipe_of(members["recipeArn"]))}


def describe_algorithm(_services: AwsServices, members: Members) -> Answer:
    """Answers our recipe's settings as the hyperparameters of AWS's algorithm."""
    name = public_name(members["algorithmArn"], "algorithm")
    recipe = DOMAIN_RECIPES.get(name) or recipe_of(public_arn("recipe", name))
    settings = asdict(recipe_named(recipe.recipe).settings())
    return {
        "algorithm": _ALWAYS
        | {
            "name": name,
            "algorithmArn": members["algorithmArn"],
            "defaultHyperParameters": {key: _text(value) for key, value in settings.items()},
            "trainingInputMode": "File",
        }
    }


def describe_feature_transformation(_services: AwsServices, members: Members) -> Answer:
    """Describes the one transformation, which leaves nothing out and has no parameters."""
    name = public_name(members["featureTransformationArn"], "feature-transformation")
    if name != _TRANSFORMATION:
        raise AwsError(NOT_FOUND, f"there is no feature transformation {name}")
    return {
        "featureTransformation": _ALWAYS
        | {
            "name": name,
            "featureTransformationArn": members["featureTransformationArn"],
            "defaultParameters": {},
        }
    }


def _described(recipe: AwsRecipe | DomainRecipe) -> Answer:
    text = inspect.getdoc(type(recipe_named(recipe.recipe))) or ""
    return _ALWAYS | {
        "name": recipe.name,
        "recipeArn": public_arn("recipe", recipe.name),
        "algorithmArn": public_arn("algorithm", recipe.name),
        "featureTransformationArn": public_arn("feature-transformation", _TRANSFORMATION),
        "description": f"{recipe.recipe}: {text.partition(chr(10))[0]}",
        "recipeType": recipe.kind if isinstance(recipe, AwsRecipe) else None,
        "domain": recipe.domain if isinstance(recipe, DomainRecipe) else None,
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


OPERATIONS = {
    "ListRecipes": list_recipes,
    "DescribeRecipe": describe_recipe,
    "DescribeAlgorithm": describe_algorithm,
    "DescribeFeatureTransformation": describe_feature_transformation,
}
