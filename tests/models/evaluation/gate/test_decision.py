"""The decision: which evidence lets a new version go live, and what people are told."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.models.calibration import find_off
from pawsonalize.models.evaluation.gate import Decision, Evidence, RuleOutcome, Spread, decide
from pawsonalize.models.evaluation.gate_settings import GateSettings, Profile
from pawsonalize.models.evaluation.intervals import Interval
from pawsonalize.testing.recipe_checks import NOW
from tests.calibration_data import calibration
from tests.evidence import compared, evidence, live, part

FULL = GateSettings()
_OFF = find_off(calibration(at_low_places=800))


def failed(found: Decision) -> list[str]:
    return [one.rule for one in found.verdicts if one.outcome is RuleOutcome.FAILED]


def test_who_passes_every_rule_goes_live_and_the_reason_has_the_numbers() -> None:
    found = decide(evidence(), FULL, NOW)
    assert (found.promoted, found.outcome) == (True, RuleOutcome.PASSED)
    assert found.reason == (
        "Promoted: NDCG@5 0.2500 is above 0.01; better than popularity 0.1000 (+0.1500 NDCG@5,"
        " +0.1400 to +0.1600); better than the live version rec-1 (+0.0500 NDCG@5, +0.0400 to"
        " +0.0600, +25.0%)."
    )
    assert {one.outcome for one in found.verdicts} == {RuleOutcome.PASSED}


def test_one_broken_rule_keeps_the_live_version_and_is_named(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, object], str, str]] = [
        ({"ndcg_at_5": Interval(0.01, 0, 0.02)}, "threshold", "NDCG@5 0.0100 is not above 0.01"),
        (
            {"baselines": {"popularity": compared(0.005)}},
            "baselines",
            "not surely better than popularity 0.2000 (+0.0050 NDCG@5, -0.0050 to +0.0150)",
        ),
        ({"baselines": {"popularity": compared(-0.02)}}, "baselines", "worse than popularity"),
        (
            {"live": live(compared(0.005))},
            "live version",
            "not surely better than the live version rec-1 (+0.0050 NDCG@5, -0.0050 to +0.0150,"
            " +2.5%), whose data were 1.0 days old",
        ),
        ({"live": live(compared(-0.02))}, "live version", "worse than the live version"),
        (
            {"live": live(compared(0, spread=0))},
            "live version",
            "no different from the live version",
        ),
        (
            {"live": live(compared(0.0015, spread=0.001))},
            "live version",
            "better than the live version rec-1 by less than 2%",
        ),
        (
            {"spread": Spread(14, 300, "2-Beagle-2-3", 0.4)},
            "coverage",
            "14 of 300 possible items are recommended to somebody (4.7%), at least 5% must be",
        ),
        (
            {"spread": Spread(200, 300, "2-Beagle-2-3", 0.95)},
            "top item",
            "2-Beagle-2-3 is among the first five of 95% of the test cases, at most 90%",
        ),
        (
            {"slices": (part(compared(0.1)), part(compared(-0.04), value="3"))},
            "slices",
            "worse than the live version for species 3 (-0.0400 NDCG@5, -0.0514 to -0.0286)",
        ),
        ({"not_finite": 1}, "scores", "of 500 answers 1 have a score that is no finite number"),
        ({"constant": 26}, "scores", "and 26 one score for all items"),
    ]
    for changes, rule, told in cases:
        with subtests.test(changes=changes, rule=rule, told=told):
            found = decide(evidence(**changes), FULL, NOW)
            assert (found.promoted, found.outcome) == (False, RuleOutcome.FAILED)
            assert failed(found) == [rule]
            assert told in found.reason
            assert found.reason.startswith("Not promoted: ")
            assert found.reason.endswith("The live version stayed.")


def test_too_few_test_cases_are_insufficient_evidence_however_good_they_look() -> None:
    found = decide(evidence(test_cases=49), FULL, NOW)
    assert (found.promoted, found.outcome) == (False, RuleOutcome.INSUFFICIENT)
    assert found.reason == (
        "Not promoted, the evidence is insufficient: 49 test cases, at least 50 are needed:"
        " wait for more events, or lower gate_min_test_cases. The live version stayed."
    )
    first = decide(replace(evidence(test_cases=49), live=None), FULL, NOW)
    assert first.reason.endswith("gate_min_test_cases. Nothing was live yet.")
    nothing = decide(evidence(test_cases=0), replace(FULL, min_test_cases=0), NOW)
    assert nothing.outcome is RuleOutcome.INSUFFICIENT


def test_the_first_version_has_no_live_one_to_beat() -> None:
    found = decide(evidence(live=None), FULL, NOW)
    assert found.promoted
    assert found.reason.endswith("nothing was live before.")
    assert not decide(
        evidence(live=None, baselines={"popularity": compared(0)}), FULL, NOW
    ).promoted


def test_a_version_must_beat_every_simple_baseline_and_each_is_told_with_its_number() -> None:
    beaten, equal = compared(0.15, theirs=0.1), compared(0.005, theirs=0.245)
    names = {"popularity": beaten, "popularity of unseen items": beaten}
    assert decide(evidence(baselines=names), FULL, NOW).promoted
    found = decide(evidence(baselines={**names, "repeat own history": equal}), FULL, NOW)
    assert failed(found) == ["baselines"]
    (told,) = (one for one in found.verdicts if one.rule == "baselines")
    assert told.message == (
        "not surely better than repeat own history 0.2450 (+0.0050 NDCG@5, -0.0050 to +0.0150);"
        " better than popularity 0.1000 (+0.1500 NDCG@5, +0.1400 to +0.1600), popularity of unseen"
        " items 0.1000 (+0.1500 NDCG@5, +0.1400 to +0.1600)"
    )
    assert told.numbers["repeat own history: theirs"] == 0.245


def test_stronger_baselines_are_named_and_decide_nothing() -> None:
    found = decide(
        evidence(stronger={"ease": compared(-0.2), "item-knn": compared(0.1)}), FULL, NOW
    )
    assert found.promoted == decide(evidence(), FULL, NOW).promoted is True
    (told,) = (one for one in found.verdicts if one.rule == "stronger baselines")
    assert told.message.startswith("decides nothing: worse than ease")
    assert "better than item-knn" in told.message
    assert "ease" not in found.reason


def test_an_old_live_version_is_refreshed_by_one_that_is_about_as_good(
    subtests: pytest.Subtests,
) -> None:
    cases: list[tuple[float, float, bool]] = [
        (8, 0.0, True),
        (8, -0.0019, True),  # 0.95% of the live version's 0.2
        (8, -0.0021, False),
        (7, 0.0, False),
        (1, 0.0, False),
        (1, 0.05, True),
    ]
    for age_days, lead, promoted in cases:
        with subtests.test(age_days=age_days, lead=lead, promoted=promoted):
            found = decide(evidence(live=live(compared(lead), age_days)), FULL, NOW)
            assert found.promoted is promoted
            assert ("a refresh" in found.reason) is (promoted and lead <= 0)


def test_a_first_version_without_a_ranker_gives_way_to_one_that_is_about_as_good() -> None:
    first = replace(live(compared(0.001)), is_first=True)
    found = decide(evidence(live=first), FULL, NOW)
    assert found.promoted
    assert "a refresh, about as good as the live version rec-1" in found.reason
    assert "the first one, which learned no ranker" in found.reason
    assert not decide(evidence(live=live(compared(0.001))), FULL, NOW).promoted


def test_the_age_of_the_live_version_is_counted_at_the_moment_of_deciding() -> None:
    given = evidence(live=live(compared(0), age_days=1))
    assert not decide(given, FULL, NOW).promoted
    assert decide(given, FULL, NOW + 7 * 86_400_000).promoted


def test_a_small_slice_or_one_that_may_be_chance_does_not_stop_a_version() -> None:
    small = part(compared(-0.1), test_cases=29)
    unsure = part(compared(-0.04, spread=0.05))
    slight = part(compared(-0.015))  # 7.5% of the live version's 0.2
    assert decide(evidence(slices=(small, unsure, slight)), FULL, NOW).promoted


def test_where_nothing_is_live_a_slice_refuses_only_what_surely_loses_more_than_the_margin() -> (
    None
):
    slight = part(compared(-0.03, spread=0.02), value="3")  # the margin is 0.02: 10% of 0.2
    found = decide(evidence(live=None, slices=(slight,)), FULL, NOW)
    assert found.promoted
    assert "a warning: worse than popularity for species 3 (-0.0300 NDCG@5" in found.reason
    assert not decide(evidence(slices=(slight,)), FULL, NOW).promoted, "a live one stays"
    clear = part(compared(-0.05, spread=0.02), value="3")
    assert not decide(evidence(live=None, slices=(clear,)), FULL, NOW).promoted


def test_a_young_live_version_stays_where_the_new_model_of_choices_is_newly_off() -> None:
    given = evidence(off=_OFF, newly_off=_OFF)
    found = decide(given, FULL, NOW)
    assert failed(found) == ["calibration"]
    assert found.reason.startswith(
        "Not promoted: the model of choices is off where the live version's was right: animals at"
        " places 25 to 48 are opened 1.60 times as often as the model expects (800 for 500): see"
    )
    old = decide(replace(given, live=live(compared(0.05), age_days=29)), FULL, NOW)
    assert old.promoted, "it may be as far off on the pages of today"
    assert "a warning: the model of choices is off: animals at places 25 to 48" in old.reason


def test_what_was_off_before_is_a_warning_and_what_was_held_against_no_pages_is_not_judged() -> (
    None
):
    found = decide(evidence(off=_OFF), FULL, NOW)
    assert found.promoted
    assert "a warning: the model of choices is off: animals at places 25 to 48" in found.reason
    (unjudged,) = (
        one for one in decide(evidence(off=None), FULL, NOW).verdicts if one.rule == "calibration"
    )
    assert unjudged.outcome is RuleOutcome.NOT_APPLICABLE


def test_every_rule_can_be_switched_off(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, object], dict[str, float]]] = [
        ({"baselines": {"popularity": compared(-1)}}, {"beat_popularity": False}),
        ({"live": live(compared(-1))}, {"beat_live": False}),
        ({"slices": (part(compared(-0.1)),)}, {"min_slice_test_cases": 0}),
        ({"spread": Spread(0, 300, "a", 0)}, {"min_coverage": 0}),
        ({"spread": Spread(200, 300, "a", 1)}, {"max_top_item_share": 1}),
        ({"constant": 500}, {"max_constant_share": 1}),
        ({"off": _OFF, "newly_off": _OFF}, {"calibration_days": 0}),
        ({"test_cases": 1}, {"min_test_cases": 0}),
    ]
    for changes, settings in cases:
        with subtests.test(changes=changes, settings=settings):
            assert not decide(evidence(**changes), FULL, NOW).promoted
            assert decide(evidence(**changes), replace(FULL, **settings), NOW).promoted


def test_a_recipe_that_is_the_same_for_everybody_need_not_beat_popularity_nor_spread() -> None:
    found = decide(evidence(recipe="popularity-count", baselines={}, spread=None), FULL, NOW)
    assert found.promoted
    assert "popularity-count gives everybody the same" in found.reason


def test_the_reference_profile_asks_for_the_threshold_alone() -> None:
    bad = evidence(baselines={"popularity": compared(-1)}, live=live(compared(-1)), test_cases=3)
    found = decide(bad, GateSettings(profile=Profile.REFERENCE), NOW)
    assert found.promoted
    assert found.reason == "Promoted: NDCG@5 0.2500 is above 0.01."
    assert [one.rule for one in found.verdicts] == ["threshold"]


def test_evidence_and_decision_are_json_as_they_are() -> None:
    given = evidence()
    assert msgspec.json.decode(msgspec.json.encode(given), type=Evidence) == given
    found = decide(given, FULL, NOW)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Decision) == found


@given(
    st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 0.5), st.integers(0, 1000), st.floats(0, 60)
)
def test_a_version_goes_live_exactly_when_no_rule_is_against_it(
    popularity: float, lead: float, spread: float, test_cases: int, age_days: float
) -> None:
    given = evidence(
        test_cases=test_cases,
        baselines={"popularity": compared(popularity, spread=spread)},
        live=live(compared(lead, spread=spread), age_days),
    )
    found = decide(given, FULL, NOW)
    against = {RuleOutcome.FAILED, RuleOutcome.INSUFFICIENT} & {
        one.outcome for one in found.verdicts
    }
    assert found.promoted is (not against)
    if found.promoted:
        assert lead - spread > 0 or (age_days > 7 and lead >= -0.01 * 0.2)
        assert popularity - spread > 0
