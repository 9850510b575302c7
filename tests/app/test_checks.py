"""Checks of the service: declared once, shown where they say, and never an error themselves."""

from collections.abc import Iterator
from pathlib import Path

from pawsonalize.app.adapters import opened
from pawsonalize.app.checks import (
    IN_DOCTOR,
    Check,
    CheckedService,
    CheckPlace,
    Diagnosis,
    Verdict,
    attention,
    examine,
    fine,
    needing_attention,
)
from pawsonalize.app.doctor import checks as all_checks
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import NotReady
from pawsonalize.core.plugin import parts

SERVICE = Settings()


def broken(_service: object) -> Iterator[Diagnosis]:
    yield fine("so far so good")
    raise NotReady("the table is locked")


def of_parts(_service: object) -> Iterator[Diagnosis]:
    yield fine("two parts")
    yield attention("it leaks", "mend it", about="part two")


def test_a_check_that_cannot_be_done_is_a_finding_and_the_others_go_on() -> None:
    checks = (Check("first", broken), Check("second", of_parts))
    found = list(examine(checks, SERVICE, CheckPlace.DOCTOR))
    assert found == [
        Diagnosis("first", "the table is locked", Verdict.ATTENTION),
        Diagnosis("second", "two parts"),
        Diagnosis("part two", "it leaks", Verdict.ATTENTION, "mend it"),
    ]
    assert needing_attention(found) == [found[0], found[2]]


def test_a_check_is_shown_where_it_says() -> None:
    checks = (Check("first", of_parts, IN_DOCTOR), Check("second", of_parts))
    shown = {place: len(list(examine(checks, SERVICE, place))) for place in CheckPlace}
    assert shown == {
        CheckPlace.DOCTOR: 4,
        CheckPlace.STATUS: 2,
        CheckPlace.OVERVIEW: 0,
        CheckPlace.READYZ: 0,
    }


def test_a_check_of_the_machine_gets_the_settings_alone(tmp_path: Path) -> None:
    seen: list[object] = []

    def look(settings: Settings) -> list[Diagnosis]:
        seen.append(settings)
        return []

    check, settings = Check("machine", look, is_of_machine=True), Settings(data_dir=tmp_path)
    with opened(settings) as adapters:
        assert check.findings(CheckedService(adapters, 0)) == []
    assert check.findings(settings) == []
    assert seen == [settings, settings]


def test_the_doctor_shows_every_check_of_every_plugin_and_the_status_no_slow_one() -> None:
    shown = all_checks()
    for plugin, own in parts("checks"):
        assert [one.name for one in own if one not in shown] == [], plugin.name
    assert [one.name for one in shown if CheckPlace.DOCTOR not in one.shown] == []
    assert [one.name for one in shown if one.is_slow and CheckPlace.STATUS in one.shown] == []
