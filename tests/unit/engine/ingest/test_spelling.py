"""Which known name a name was meant to be."""

import pytest

from pawsonalize.engine.ingest.decoding.unknown_fields import meant

QUESTION = [
    *("of", "household", "species", "sizes", "maxFee", "maxDistanceKm", "latitude", "longitude"),
    *("deny", "itemMetadataList", "userId", "sessionId", "limit", "filter", "filterValues", "at"),
]
EVENT = [
    *("sessionId", "animalMetadata", "userId", "animal_id", "eventId", "sentAt", "eventValue"),
    *("recommendationId", "impression", "properties"),
]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("houshold", "household"),
        ("hosehlod", "household"),
        ("HOUSEHOLD", "household"),
        ("house_hold", "household"),
        ("user_id", "userId"),
        ("userid", "userId"),
        ("user-ID", "userId"),
        ("usr_id", "userId"),
        ("max_distance", "maxDistanceKm"),
        ("maxdistance", "maxDistanceKm"),
        ("size", "sizes"),
        ("specie", "species"),
        ("limt", "limit"),
        ("fitler", "filter"),
        ("langitude", "longitude"),
        ("denny", "deny"),
        ("itemmetadatalst", "itemMetadataList"),
    ],
)
def test_a_slip_of_a_question_is_understood(name: str, right: str) -> None:
    assert meant(name, QUESTION) == right


@pytest.mark.parametrize(
    "name",
    [
        "colour",
        "page",
        "device",
        "numResults",
        "user",
        "userName",
        "max",
        "item",
        "x",
        "",
        "é",
        "到",
    ],
)
def test_another_word_of_a_question_is_just_unknown(name: str) -> None:
    assert meant(name, QUESTION) is None


@pytest.mark.parametrize(
    "name",
    [
        *("eventTime", "eventName", "event_date", "userAgent", "userIp", "timestamp", "animal"),
        *("animalName", "impressionId", "recommendation", "property", "source", "session", "site"),
        "limit" * 99,
    ],
)
def test_what_other_systems_send_with_an_event_is_not_taken_for_a_slip(name: str) -> None:
    assert meant(name, EVENT) is None


def test_short_words_have_to_be_right() -> None:
    assert meant("side", ["size"]) is None
    assert meant("szie", ["size"]) == "size"
    assert meant("catz", ["cats"]) is None
    assert meant("fees", ["fee"]) == "fee"
