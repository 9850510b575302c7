"""What a request says of a visitor's home."""

from starlette.testclient import TestClient

from pawsonalize.core.preferences import Preferences
from pawsonalize.recommend.endpoints.queries import (
    Household,
    PreferencesForm,
    QueryFields,
    read_query,
)


def test_the_model_hears_of_the_household_be_it_of_the_request_or_of_the_quiz(
    client: TestClient,
) -> None:
    fields = QueryFields(
        household=Household(kids=True, dogs=True),
        context={"DEVICE": "phone"},
        preferences=PreferencesForm(size=["1"], kids=False, cats=False),
    )
    services = client.app.state.services  # type: ignore[attr-defined]
    query = read_query(services, fields, "shop", explain=False)
    assert query.context == {"DEVICE": "phone"}
    assert query.preferences == Preferences(size=("1",), kids=True, dogs=True, cats=False)
