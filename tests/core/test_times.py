"""Moments: every form in which clocks are sent."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import EARLIEST, LATEST, iso, parse_moment

NOON = 1_779_019_200_000  # 2026-05-17T12:00:00Z


def test_iso_text_seconds_and_milliseconds_name_the_same_moment(subtests: pytest.Subtests) -> None:
    cases: list[object] = [
        "2026-05-17T12:00:00Z",
        "2026-05-17T12:00:00",
        "2026-05-17 12:00:00+00:00",
        "2026-05-17T14:00:00+02:00",
        "2026-05-17T01:30:00-10:30",
        "2026-05-17T12:00:00.000Z",
        "20260517T120000Z",
        " 2026-05-17T12:00Z ",
        NOON,
        NOON // 1000,
        NOON / 1000,
        float(NOON),
        str(NOON),
        str(NOON // 1000),
        f"{NOON // 1000}.0",
    ]
    for value in cases:
        with subtests.test(value=value):
            assert parse_moment(value, "sentAt") == NOON


def test_a_fraction_of_a_second_is_kept_to_the_millisecond() -> None:
    assert parse_moment("2026-05-17T12:00:00.123456Z", "at") == NOON + 123
    assert parse_moment(NOON / 1000 + 0.125, "at") == NOON + 125


def test_what_is_no_moment_is_refused_with_an_example_of_one(subtests: pytest.Subtests) -> None:
    cases: list[object] = [
        None,
        True,
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-05-17T25:00:00Z",
        "nan",
        "inf",
        "-Infinity",
        float("nan"),
        float("inf"),
        "9" * 4000,
        "\ud800",
        "2026-05-17T12:00:00\x00",
        [NOON],
        {},
    ]
    for value in cases:
        with subtests.test(value=value):
            with pytest.raises(InvalidInput, match="2026-05-17T09:30:00Z") as refusal:
                parse_moment(value, "sentAt")
            assert refusal.value.field == "sentAt"


def test_a_moment_outside_any_sites_life_is_refused_naming_unit_and_clock(
    subtests: pytest.Subtests,
) -> None:
    cases: list[object] = [
        0,
        -1,
        1e300,
        -(10**400),
        EARLIEST - 1,
        LATEST,
        NOON * 1000,  # microseconds
        "1900-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "20260517",  # a date without hyphens reads as seconds
    ]
    for value in cases:
        with subtests.test(value=value), pytest.raises(InvalidInput, match="check its unit"):
            parse_moment(value, "sentAt")


@given(st.integers(EARLIEST, LATEST - 1))
def test_a_moment_written_as_iso_text_reads_back_as_itself(moment: int) -> None:
    assert parse_moment(iso(moment), "at") == moment


@given(st.integers(EARLIEST, LATEST - 1), st.integers(-23 * 60, 23 * 60))
def test_the_zone_of_iso_text_changes_nothing(moment: int, minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))
    text = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=moment)).astimezone(zone)
    assert parse_moment(text.isoformat(), "at") == moment


@given(st.text() | st.integers() | st.floats() | st.none() | st.binary())
def test_every_value_is_a_moment_or_invalid_input(value: object) -> None:
    with contextlib.suppress(InvalidInput):
        assert EARLIEST <= parse_moment(value, "at") < LATEST
