"""Single values of a letter are changed by their paths."""

import json
from typing import Any

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.plugins.dead_letters.keeping import with_values


def test_values_go_where_their_paths_lead(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, dict[str, str], Any]] = [
        ({"a": 1}, {"sessionId": "s1"}, {"a": 1, "sessionId": "s1"}),
        ({"a": 1}, {"a": "7"}, {"a": 7}),
        ({"a": 1}, {"a": '"7"'}, {"a": "7"}),
        ({"a": 1}, {"a": "[1, 2]"}, {"a": [1, 2]}),
        ({"Data": {"a": 1}}, {"a": "x"}, {"Data": {"a": "x"}}),
        ({"Data": {"a": 1}}, {"Data.a": "x"}, {"Data": {"a": "x"}}),
        ({"events": [{}, {"a": 1}]}, {"events[1].a": "x"}, {"events": [{}, {"a": "x"}]}),
        ([{"Data": {"a": 1}}], {"[0].a": "x"}, [{"Data": {"a": "x"}}]),
        ({}, {"animalMetadata.animal_age_id": "3"}, {"animalMetadata": {"animal_age_id": 3}}),
    ]
    for body, values, expected in cases:
        with subtests.test(body=body, values=values, expected=expected):
            assert json.loads(with_values(json.dumps(body).encode(), values)) == expected


def test_a_misspelt_field_is_left_out() -> None:
    mended = with_values(b'{"Data": {"sesionId": "s1"}}', {"sessionId": "s1"}, ["sesionId"])
    assert json.loads(mended) == {"Data": {"sessionId": "s1"}}


def test_a_path_that_leads_nowhere_is_named(subtests: pytest.Subtests) -> None:
    for path in ["[0]", "a.b", "a[0]", "b[", "", "events[3].a"]:
        with subtests.test(path=path):
            with pytest.raises(InvalidInput) as caught:
                with_values(b'{"a": 1, "events": [{}]}', {path: "x"})
            assert caught.value.field == path


def test_what_is_not_there_cannot_be_left_out() -> None:
    with pytest.raises(InvalidInput, match="there is no b"):
        with_values(b'{"a": 1}', {}, ["b"])


def test_what_is_no_json_has_no_values() -> None:
    with pytest.raises(InvalidInput, match="not JSON"):
        with_values(b'{"a": 1', {"a": "2"})
