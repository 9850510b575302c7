from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.testing.recipe_checks import RecipeChecks


class TestPersonalizedRanking(RecipeChecks):
    recipe = RECIPES["personalized-ranking"]
    learns = True
