"""Which known name a name was meant to be."""

import pytest

from pawsonalize.core.forms.decoder import likely_name

QUESTION = [
    *("of", "household", "species", "sizes", "maxFee", "maxDistanceKm", "latitude", "longitude"),
    *("deny", "itemMetadataList", "userId", "sessionId", "limit", "filter", "filterValues", "at"),
]
EVENT = [
    *("sessionId", "animalMetadata", "userId", "animal_id", "eventId", "sentAt", "eventValue"),
    *("recommendationId", "impression", "properties"),
]


def test_a_slip_of_a_question_is_understood(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
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
    ]
    for name, right in cases:
        with subtests.test(name=name, right=right):
            assert likely_name(name, QUESTION) == right


def test_another_word_of_a_question_is_just_unknown(subtests: pytest.Subtests) -> None:
    for name in [
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
    ]:
        with subtests.test(name=name):
            assert likely_name(name, QUESTION) is None


def test_what_other_systems_send_with_an_event_is_not_taken_for_a_slip(
    subtests: pytest.Subtests,
) -> None:
    for name in [
        *("eventTime", "eventName", "event_date", "userAgent", "userIp", "timestamp", "animal"),
        *("animalName", "impressionId", "recommendation", "property", "source", "session", "site"),
        "limit" * 99,
    ]:
        with subtests.test(name=name):
            assert likely_name(name, EVENT) is None


def test_short_words_have_to_be_right() -> None:
    assert likely_name("side", ["size"]) is None
    assert likely_name("szie", ["size"]) == "size"
    assert likely_name("catz", ["cats"]) is None
    assert likely_name("fees", ["fee"]) == "fee"
