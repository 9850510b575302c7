"""What every recipe promises, of this one: `pytest` where it is installed, with hypothesis."""

from paws_favourites import Favourites
from pawsonalize.testing import RecipeChecks


class TestFavourites(RecipeChecks):
    """Users differ by what they had, of which the checks' right answer is none."""

    recipe = Favourites()
    personal = False
    related = False
