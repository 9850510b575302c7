"""What a request says of a visitor's home."""

from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.told import Told
from pawsonalize.http.wishes import Household, WishFields, read_wishes, told_of_home


def test_the_model_hears_of_the_household_be_it_of_the_request_or_of_the_quiz() -> None:
    quiz = Preferences(size=("1",), kids=False, cats=False)
    wishes = read_wishes(WishFields(household=Household(kids=True, dogs=True)), quiz)
    told = told_of_home(Told({"DEVICE": "phone"}, quiz), wishes)
    assert told.context == {"DEVICE": "phone"}
    assert told.preferences == Preferences(size=("1",), kids=True, dogs=True, cats=False)
