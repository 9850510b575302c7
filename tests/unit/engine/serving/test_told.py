"""What is known of a visitor beside events reaches the model, and no more than it reads."""

import pytest

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.serving.told import NOTHING, Told, known_of
from pawsonalize.storage.base import User
from pawsonalize.storage.sql import SqlCatalogue
from tests.event_data import T0

ANN = Visitor("ann")
NAMES = ("context.DEVICE", "context.DISTANCE", "user.GENDER", "user.KIDS", "user.PREFERRED_SIZE")


@pytest.fixture
def known(catalogue: SqlCatalogue) -> SqlCatalogue:
    attributes = {"GENDER": "f", "NAME": "Ann", "KIDS": "yes", "PREFERRED_SIZE": "1|2"}
    catalogue.put_users([User("ann", attributes)])
    return catalogue


def test_a_requests_context_is_read_without_regard_to_case(catalogue: SqlCatalogue) -> None:
    told = Told({"device": "Mobile", "distanceKm": "3.5", "WEATHER": "rain", "x": 1})
    reader = FacetReader.knowing(NAMES)
    assert known_of(reader, ANN, told, T0, catalogue).facets == (
        ("context.DEVICE", "mobile"),
        ("context.DISTANCE", "0"),
    )


def test_stored_attributes_are_looked_up_for_a_user(known: SqlCatalogue) -> None:
    assert known_of(FacetReader.knowing(NAMES), ANN, NOTHING, T0, known).facets == (
        ("user.GENDER", "f"),
        ("user.KIDS", "yes"),
        ("user.PREFERRED_SIZE", "1"),
        ("user.PREFERRED_SIZE", "2"),
    )
    for stranger in (Visitor("bob"), Visitor(None, "s1")):
        assert known_of(FacetReader.knowing(NAMES), stranger, NOTHING, T0, known).facets == ()


def test_an_answer_in_the_request_replaces_the_stored_one(known: SqlCatalogue) -> None:
    told = Told(preferences=Preferences(size=("3",), kids=False))
    assert known_of(FacetReader.knowing(NAMES), ANN, told, T0, known).facets == (
        ("user.PREFERRED_SIZE", "3"),
        ("user.KIDS", "no"),
        ("user.GENDER", "f"),
    )


def test_a_model_without_user_facets_costs_no_look_up() -> None:
    class NoCatalogue:
        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"{name} was read")

    reader = FacetReader.knowing(["context.DEVICE"])
    assert known_of(reader, ANN, NOTHING, T0, NoCatalogue()).facets == ()  # type: ignore[arg-type]
