"""What is known of a visitor beside events reaches the model, and no more than it reads."""

import pytest

from pawsonalize.animals.tables.catalogue import Catalogue, User, Value
from pawsonalize.core.event import Visitor
from pawsonalize.core.preferences import Preferences
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.filtering import Filtering
from pawsonalize.recommend.query import FacetReader, Query, query_context
from pawsonalize.resources.filters import apply, parse
from tests.event_data import T0

ANN = Visitor("ann")
NAMES = ("context.DEVICE", "context.DISTANCE", "user.GENDER", "user.KIDS", "user.PREFERRED_SIZE")
READER = FacetReader.restrict_to(NAMES)


@pytest.fixture
def known(catalogue: Catalogue) -> Catalogue:
    attributes = {"GENDER": "f", "NAME": "Ann", "KIDS": "yes", "PREFERRED_SIZE": "1|2"}
    catalogue.put_users([User("ann", attributes)])
    return catalogue


def test_a_requests_context_is_read_without_regard_to_case(
    log: EventLog, catalogue: Catalogue
) -> None:
    sent: dict[str, Value] = {"device": "Mobile", "distanceKm": "3.5", "WEATHER": "rain", "x": 1}
    query = Query(ANN, T0, T0, context=sent)
    assert query_context(log, READER, query, catalogue).facets == (
        ("context.DEVICE", "mobile"),
        ("context.DISTANCE", "0"),
    )


def test_stored_attributes_are_looked_up_for_a_user(log: EventLog, known: Catalogue) -> None:
    assert query_context(log, READER, Query(ANN, T0, T0), known).facets == (
        ("user.GENDER", "f"),
        ("user.KIDS", "yes"),
        ("user.PREFERRED_SIZE", "1"),
        ("user.PREFERRED_SIZE", "2"),
    )
    for stranger in (Visitor("bob"), Visitor(None, "s1")):
        assert query_context(log, READER, Query(stranger, T0, T0), known).facets == ()


def test_an_answer_in_the_request_replaces_the_stored_one(log: EventLog, known: Catalogue) -> None:
    query = Query(ANN, T0, T0, preferences=Preferences(size=("3",), kids=False))
    assert query_context(log, READER, query, known).facets == (
        ("user.PREFERRED_SIZE", "3"),
        ("user.KIDS", "no"),
        ("user.GENDER", "f"),
    )


class Reads:
    """A catalogue that counts how often a user's row is read."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.count = 0

    def __getattr__(self, name: str) -> object:
        self.count += name == "user"
        return getattr(self._catalogue, name)


def test_a_model_without_user_facets_costs_no_look_up(log: EventLog, known: Catalogue) -> None:
    reads = Reads(known)
    reader = FacetReader.restrict_to(["context.DEVICE"])
    query = Query(ANN, T0, T0)
    assert query_context(log, reader, query, reads).facets == ()  # type: ignore[arg-type]
    assert reads.count == 0


def test_whatever_answers_a_query_reads_the_users_row_once(log: EventLog, known: Catalogue) -> None:
    reads = Reads(known)
    query = Query(ANN, T0, T0).with_user(reads)  # type: ignore[arg-type]
    filtering = Filtering(log, reads)  # type: ignore[arg-type]
    text = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*") IF CurrentUser.GENDER = "m"'
    for_men = apply(parse(text), {})
    for _ in range(2):
        assert query_context(log, READER, query, reads).facets  # type: ignore[arg-type]
        assert filtering.listed(for_men, ["a"], query) == {"a"}
        assert query.attributes(known)["KIDS"] == "yes"
    assert reads.count == 1
