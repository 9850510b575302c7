"""Events as sites send them, kind and hostile."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import MAX_RAW_CHARS, NO_PICK, NOTHING, PICK, Event
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY
from pawsonalize.events.event_form import read_event, single

NOW = 1_779_019_200_000
BEAGLE = AnimalGroup("2", "Beagle", "2", "3")
METADATA: dict[str, Any] = {
    "animal_species_id": 2,
    "animal_primary_breed_id": "Saint_Bernard",
    "animal_size_id": 3,
    "animal_age_id": 2,
}
MINIMAL: dict[str, Any] = {"sessionId": "s1", "eventType": "view", "animalMetadata": METADATA}


def known_animal(animal_id: str, _at: int) -> AnimalGroup | None:
    return BEAGLE if animal_id == "a-7" else None


def read(form: Any) -> Event:
    raw = form if isinstance(form, bytes) else json.dumps(form).encode()
    return read_event(single(raw), NOW, known_animal)


def refused(form: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as refusal:
        read(form)
    return refusal.value


def test_the_smallest_event_has_a_session_a_type_and_the_animals_attributes() -> None:
    event = read(MINIMAL)
    assert (event.session_id, event.user_id, event.event_type) == ("s1", None, "view")
    assert event.item_id == "2-Saint_Bernard-3-2"
    assert event.sent_at == event.received_at == NOW
    assert event.event_id


def test_every_field_arrives() -> None:
    full = MINIMAL | {
        "userId": "ann",
        "animal_id": "a-9",
        "eventId": "e-1",
        "sentAt": "2026-05-17T11:00:00Z",
        "eventValue": 2,
        "recommendationId": "RID-1",
        "impression": ["2-Beagle-2-3", 7],
        "properties": {"device": "phone", "nested": {"a": [1, None]}},
    }
    assert read(full) == Event(
        event_id="e-1",
        user_id="ann",
        session_id="s1",
        event_type="view",
        item_id="2-Saint_Bernard-3-2",
        sent_at=NOW - 3_600_000,
        received_at=NOW,
        animal_id="a-9",
        event_value=2.0,
        recommendation_id="RID-1",
        impression=("2-Beagle-2-3", "7"),
        properties='{"device":"phone","nested":{"a":[1,null]}}',
    )


def test_an_attribute_id_is_the_same_as_text_and_as_a_number(subtests: pytest.Subtests) -> None:
    values: list[Any] = ["2", 2, 2.0, " 2 "]
    for value in values:
        for name in [
            "animal_species_id",
            "animal_primary_breed_id",
            "animal_size_id",
            "animal_age_id",
        ]:
            with subtests.test(value=value, name=name):
                expected = AnimalGroup.of(*(METADATA | {name: "2"}).values()).id
                assert (
                    read(MINIMAL | {"animalMetadata": METADATA | {name: value}}).item_id == expected
                )


@pytest.mark.parametrize("name", ["userId", "sessionId", "animal_id", "eventId"])
def test_ids_may_be_numbers(name: str) -> None:
    assert read(MINIMAL | {name: 7}) == read(MINIMAL | {name: "7"}) or name != "eventId"
    event = read(MINIMAL | {name: 7})
    assert "7" in (event.user_id, event.session_id, event.animal_id, event.event_id)


def test_the_stream_envelope_changes_nothing() -> None:
    form = MINIMAL | {"eventId": "e1"}
    assert read({"Partitionkey": "ann", "Data": form}) == read(form)
    assert read({"Partitionkey": {"odd": 1}, "Data": form, "More": []}) == read(form)


@pytest.mark.parametrize("data", [None, 1, "text", [], {}])
def test_an_envelope_without_an_event_is_refused(data: Any) -> None:
    refused({"Data": data})


def test_unknown_fields_are_ignored_wherever_they_are() -> None:
    form = MINIMAL | {"eventId": "e1"}
    more = {"colour": "brown", "nested": {"x": [1]}, "session_id": 5, "null": None}
    assert read(form | more | {"animalMetadata": METADATA | more}) == read(form)


def test_null_is_the_same_as_left_out() -> None:
    optional = ["userId", "animal_id", "eventId", "sentAt", "eventValue", "recommendationId"]
    event = read(MINIMAL | dict.fromkeys([*optional, "impression", "properties"]))
    assert event == Event(event.event_id, None, "s1", "view", "2-Saint_Bernard-3-2", NOW, NOW)


def test_a_known_animal_needs_no_metadata_and_metadata_wins_where_both_are_sent() -> None:
    bare = {"sessionId": "s1", "eventType": "view", "animal_id": "a-7"}
    assert read(bare).item_id == BEAGLE.id
    assert read(bare | {"animalMetadata": METADATA}).item_id == "2-Saint_Bernard-3-2"
    refusal = refused({"sessionId": "s1", "eventType": "view"})
    assert refusal.field == "animalMetadata"
    assert "animal_id of a known animal" in refusal.message


def test_an_animal_that_is_not_in_the_inventory_is_named_unless_metadata_stands_for_it() -> None:
    unknown = {"sessionId": "s1", "eventType": "view", "animal_id": "nobody"}
    refusal = refused(unknown)
    assert refusal.field == "animal_id"
    assert refusal.message.startswith("there is no animal nobody: ")
    assert read(unknown | {"animalMetadata": METADATA}).animal_id == "nobody"


def test_a_wrong_value_is_refused_by_the_path_of_its_field(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, str]] = [
        ({"sessionId": None}, "sessionId"),
        ({"sessionId": ""}, "sessionId"),
        ({"sessionId": ["s"]}, "sessionId"),
        ({"sessionId": "s\x00"}, "sessionId"),
        ({"sessionId": "x" * 257}, "sessionId"),
        ({"userId": True}, "userId"),
        ({"userId": ""}, "userId"),
        ({"userId": 1.5}, "userId"),
        ({"userId": 1e300}, "userId"),
        ({"eventType": ""}, "eventType"),
        ({"eventType": "\u0007"}, "eventType"),
        ({"eventType": 7}, "eventType"),
        ({"eventType": "x" * 257}, "eventType"),
        ({"eventId": {}}, "eventId"),
        ({"sentAt": "soon"}, "sentAt"),
        ({"sentAt": NOW + DAY + 1}, "sentAt"),
        ({"sentAt": 10**30}, "sentAt"),
        ({"sentAt": False}, "sentAt"),
        ({"eventValue": "1"}, "eventValue"),
        ({"eventValue": True}, "eventValue"),
        ({"eventValue": 10**400}, "eventValue"),
        ({"impression": "2-Beagle-2-3"}, "impression"),
        ({"impression": [None]}, "impression[0]"),
        ({"impression": [""]}, "impression"),
        ({"impression": ["i"] * 26}, "impression"),
        ({"properties": []}, "properties"),
        ({"properties": {"a": "x" * 1024}}, "properties"),
        ({"animalMetadata": []}, "animalMetadata"),
        ({"animalMetadata": {}}, "animalMetadata.animal_species_id"),
        ({"animalMetadata": METADATA | {"animal_size_id": None}}, "animalMetadata.animal_size_id"),
        ({"animalMetadata": METADATA | {"animal_size_id": "a-b"}}, "animalMetadata.animal_size_id"),
        ({"animalMetadata": METADATA | {"animal_age_id": ""}}, "animalMetadata.animal_age_id"),
    ]
    for change, field in cases:
        with subtests.test(change=change, field=field):
            refusal = refused(MINIMAL | change)
            assert refusal.field == field
            assert field.rpartition(".")[2].split("[")[0] in refusal.message


@pytest.mark.parametrize("name", ["sessionId", "eventType"])
def test_a_missing_field_is_named(name: str) -> None:
    assert refused({key: MINIMAL[key] for key in MINIMAL if key != name}).field == name


@pytest.mark.parametrize("lead", [1, 1500, DAY])
def test_an_event_from_a_clock_that_is_ahead_happened_when_it_came_in(lead: int) -> None:
    assert read(MINIMAL | {"sentAt": NOW + lead}).sent_at == NOW


def test_bytes_that_are_no_event_are_refused(subtests: pytest.Subtests) -> None:
    for raw in [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b"7",
        b"\xef\xbb\xbf{}",
        b'{"sessionId": "\xff"}',
        b'{"sessionId": "\\ud800"}',
        b'{"sessionId": NaN}',
        b'{"more": ' + b"[" * 200_000,
        b'{"properties": ' + b'{"a":' * 100_000,
        b'{"sessionId": ' + b"9" * 100_000 + b"}",
        b'{"more": 1e999999}',
    ]:
        with subtests.test(raw=raw):
            refused(raw)


def test_events_without_an_id_get_different_ones_that_sort_by_time() -> None:
    ids = [
        read_event(single(json.dumps(MINIMAL).encode()), NOW + n, known_animal).event_id
        for n in (0, 1)
    ]
    assert ids == sorted(set(ids))
    assert len(ids) == 2


_NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 2**53, 10**300, 1e308, -1e308])
_SCALARS = st.none() | st.booleans() | _NUMBERS | st.text(st.characters(), max_size=300)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "sessionId": _JSON,
        "userId": _JSON,
        "eventType": st.just("view") | _JSON,
        "animal_id": _JSON,
        "animalMetadata": st.just(METADATA) | st.dictionaries(st.sampled_from([*METADATA]), _JSON),
        "eventId": _JSON,
        "sentAt": _JSON,
        "eventValue": _JSON,
        "recommendationId": _JSON,
        "impression": _JSON | st.lists(_SCALARS),
        "properties": _JSON | st.dictionaries(st.text(), _JSON),
        "Data": _JSON,
    },
)


@given(_JSON | _FIELDS | _FIELDS.map(lambda fields: MINIMAL | fields))
def test_any_json_value_is_an_event_or_invalid_input(value: Any) -> None:
    try:
        event = read(value)
    except InvalidInput:
        return
    # What was taken can be stored anywhere and shown again.
    msgspec.json.encode(event)
    assert "\x00" not in "".join(str(part) for part in (event.session_id, event.properties))
    if event.properties is not None:
        assert isinstance(msgspec.json.decode(event.properties), dict)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_invalid_input(raw: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        assert read(raw).item_id


def test_an_event_keeps_its_json_as_it_came_in_unless_that_is_too_long() -> None:
    form = b'{"sessionId": "s", "eventType":"view","itemId":"1-a-1-1", "utm": {"x": "s\xc3\xb6d"} }'
    assert read(form).raw == form.decode()
    assert read(b'{"Data":' + form + b',"Partitionkey":"7"}').raw == (
        '{"Data":' + form.decode() + ',"Partitionkey":"7"}'
    )
    long = form[:-1] + b" " * MAX_RAW_CHARS + b"}"
    assert read(long).raw is None


def test_a_pick_names_its_board_and_none_of_these_needs_no_animal() -> None:
    board = {"sessionId": "s1", "boardId": "B"}
    pick = read(board | {"eventType": "Picked", "animal_id": "a-7", "eventValue": 1})
    assert (pick.event_type, pick.item_id, pick.recommendation_id) == (PICK, BEAGLE.id, "B")
    none = read(board | {"eventType": "none-of-these", "recommendationId": "B"})
    assert (none.event_type, none.item_id, none.animal_id) == (NO_PICK, NOTHING, NOTHING)
    alone = refused({"sessionId": "s1", "eventType": "pick", "animal_id": "a-7"})
    assert (alone.field, "send the boardId" in alone.message) == ("boardId", True)
    both = refused(board | {"eventType": "no-pick", "recommendationId": "C"})
    assert (both.field, "send it once" in both.message) == ("boardId", True)


def test_a_pick_in_another_dataset_group_is_an_event_like_others() -> None:
    sent = json.dumps({"sessionId": "s1", "eventType": "Picked", "itemId": "shoe"}).encode()
    event = read_event(single(sent), NOW, known_animal, "shop")
    assert (event.event_type, event.item_id) == ("Picked", "shoe")
