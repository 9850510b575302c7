"""A small event log, and what came of it by policy and solution version."""

import pytest
from msgspec.structs import replace

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY, iso
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.tables import ANIMALS, RECOMMENDATION, Impression, Impressions
from pawsonalize.reports.outcomes import read_weights
from pawsonalize.reports.outcomes_report import OutcomesOrder, OutcomeSources, report_outcomes
from pawsonalize.reports.report import Line, OutcomesReport
from tests.animal_data import animal
from tests.event_data import T0, event

ITEM, OTHER = "2-Beagle-2-3", "1-Siamese-1-1"
ORDER = OutcomesOrder(T0, T0 + 200 * DAY)


@pytest.fixture
def sources(
    database: Database, shown: Impressions, animals: Animals, log: EventLog
) -> OutcomeSources:
    return OutcomeSources(shown, animals, log)


def answer(name: str, session: str, version: str, day: float, *items: str) -> Impression:
    at = T0 + round(day * DAY)
    return Impression(name, RECOMMENDATION, None, session, at, at, version, items)


def a_season(sources: OutcomeSources) -> OutcomesReport:
    """Two versions, one after the other; a beagle is adopted, comes back; two cats wait on."""
    beagle = animal("rex", ITEM, adopted=T0 + 10 * DAY)
    cats = [animal(f"cat{n}", OTHER, listed=T0 + n * 60 * DAY) for n in (0, 1)]
    known = animal("told", ITEM, adopted=T0 + 3 * DAY)
    sources.animals.put([beagle, known, *cats], T0)
    sources.impressions.append(
        [
            answer("R1", "s1", "v1", 1, ITEM),
            answer("R2", "s2", "v1", 2, ITEM),
            answer("R3", "s3", "v2", 50, ITEM),
            answer("R4", "s3", "v2", 70, OTHER),
            answer("R0", "s9", "v2", 300, OTHER),
        ]
    )
    told = [
        event("view", session="s4", at=DAY, user=None),
        event("ask", session="s1", at=2 * DAY, event_type="inquiry", user="ann"),
        event("apply", session="s1", at=3 * DAY, event_type="application", recommendation_id="R1"),
        # Ann's session of long ago tells which answer led her to Rex.
        event("adopt", session=None, at=10 * DAY, event_type="adoption", animal_id="rex"),
        event("back", session=None, at=20 * DAY, event_type="return", animal_id="rex"),
        event("late", session="s3", at=201 * DAY, event_type="inquiry"),
    ]
    sources.log.append(told)
    return report_outcomes(sources, ORDER)


def counts(line: Line) -> tuple[int, int, int, int]:
    return line.inquiries, line.applications, line.adoptions, line.returns


def test_outcomes_are_counted_by_solution_version_and_policy(sources: OutcomeSources) -> None:
    report = a_season(sources)
    lines = {line.name: line for line in (*report.policies, *report.versions)}
    assert counts(lines["v1"]) == (1, 1, 1, 1)
    assert counts(lines["v2"]) == (0, 0, 0, 0)
    assert counts(lines["recommended"]) == (1, 1, 1, 1)
    assert counts(lines["none"]) == (0, 0, 1, 0), "the record alone knows of the other adoption"
    assert counts(report.total) == (1, 1, 2, 1)
    assert report.total.value == pytest.approx(0.1 + 0.3 + 2 - 1)


def test_adoptions_less_returns_are_counted_per_thousand_sessions(sources: OutcomeSources) -> None:
    report = a_season(sources)
    assert report.total.sessions == 4, "three with an answer, one with events alone"
    assert report.total.adoptions_per1000_sessions == 250
    none = next(line for line in report.policies if line.name == "none")
    assert (none.sessions, none.adoptions_per1000_sessions) == (1, 1000)
    v1, v2 = report.versions
    assert (v1.answers, v1.sessions, v2.answers, v2.sessions) == (2, 2, 2, 1)


def test_stays_are_of_arrivals_in_the_time_of_each_version(sources: OutcomeSources) -> None:
    report = a_season(sources)
    stays = report.total.stays
    assert stays is not None
    assert stays.rmst90 is not None
    assert (stays.arrivals, stays.adopted, stays.waiting) == (4, 2, 2)
    assert stays.rmst90.mean == (10 + 3 + 90 + 90) / 4
    assert stays.mean_of_adopted == 6.5
    v1, v2 = (line.stays for line in report.versions)
    assert v1 is not None
    assert v2 is not None
    assert (v1.arrivals, v2.arrivals) == (0, 1), "those of day 0 came before any version answered"
    assert (report.curve.days, report.curve.share) == ([0, 3, 10, 200], [1, 0.75, 0.5, 0.5])


def test_the_share_never_shown_is_of_those_that_waited_meanwhile(sources: OutcomeSources) -> None:
    report = a_season(sources)
    v1, v2 = report.versions
    assert report.total.never_shown_share == 0
    assert v1.never_shown_share == pytest.approx(1 / 3), "the first cat"
    page = replace(answer("R5", "s1", "v3", 71, OTHER), question=ANIMALS, animal_ids=(("cat1",),))
    sources.impressions.append([page])
    v3 = report_outcomes(sources, ORDER).versions[-1]
    assert v3.never_shown_share == 0.5, "the other cat is of the same group"
    assert v3.stays is not None, "a page of animals is a recommendation"
    assert v2.never_shown_share == 0


def test_an_empty_log_is_reported_as_knowing_nothing(sources: OutcomeSources) -> None:
    report = report_outcomes(sources, ORDER)
    assert report.total.adoptions_per1000_sessions is None
    assert report.total.never_shown_share is None
    assert report.total.stays is not None
    assert report.total.stays.rmst90 is None
    assert report.versions == []
    assert report.other_policy.refusal is not None


def test_a_report_names_the_oldest_answer_that_is_kept(sources: OutcomeSources) -> None:
    assert a_season(sources).first_answer == iso(T0 + DAY)
    assert report_outcomes(sources, OutcomesOrder(T0 - 90 * DAY, T0)).first_answer is None


def test_a_thin_log_refuses_to_judge_another_policy(sources: OutcomeSources) -> None:
    shown = Impression("R1", RECOMMENDATION, "ann", None, T0, T0, "v1", (ITEM, OTHER), (0.9, 0.1))
    sources.impressions.append([shown])
    sources.log.append([event("e", event_type="adoption", recommendation_id="R1", at=1)])
    judged = report_outcomes(sources, ORDER).other_policy
    assert (judged.rows, judged.served, judged.estimate) == (2, 0.5, None)
    assert judged.refusal


def test_where_nothing_came_of_recommendations_no_zero_is_taken_for_a_number(
    sources: OutcomeSources,
) -> None:
    shown = Impression("R1", RECOMMENDATION, "ann", None, T0, T0, "v1", (ITEM, OTHER), (0.9, 0.1))
    sources.impressions.append([shown])
    judged = report_outcomes(sources, ORDER).other_policy
    assert (judged.rows, judged.served, judged.estimate) == (2, None, None)
    assert (judged.refusal or "").startswith("not enough yet: ")


def test_weights_are_checked() -> None:
    assert read_weights({"inquiry": "0"})["inquiry"] == 0
    for wrong in ({"view": "1"}, {"adoption": "much"}, {"return": "1"}, {"adoption": "nan"}):
        with pytest.raises(InvalidInput):
            read_weights(wrong)
    with pytest.raises(InvalidInput):
        OutcomesOrder(T0, T0)


def test_every_animal_of_a_large_inventory_is_counted(sources: OutcomeSources) -> None:
    many: list[Animal] = [animal(f"a{n:04}") for n in range(501)]
    sources.animals.put(many, T0)
    stays = report_outcomes(sources, ORDER).total.stays
    assert stays is not None
    assert stays.arrivals == 501
