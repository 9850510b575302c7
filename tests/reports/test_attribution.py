"""Which answer an outcome is put down to."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from pawsonalize.core.times import DAY
from pawsonalize.recommend.tables import (
    ALERT,
    ANIMAL_RANKING,
    ANIMALS,
    BOARD,
    RANKING,
    RECOMMENDATION,
    SEARCH,
    Impression,
)
from pawsonalize.reports.outcomes import (
    NOBODY,
    AnswerIndex,
    Cause,
    Outcome,
    OutcomeKind,
    Policy,
    attribute,
)

FIRST = Impression("R1", RECOMMENDATION, "ann", "s1", 0, 0, "v1", ("g", "h"), (0.9, 0.1))
LATER = Impression("R2", RECOMMENDATION, "ann", "s2", 2 * DAY, 2 * DAY, "v2", ("g",))
RANKED = Impression("R3", RANKING, "ann", "s2", 3 * DAY, 3 * DAY, "v3", ("k",))
ADOPTED = Outcome(OutcomeKind.ADOPTION, 4 * DAY, "ann", "g", "rex")


def causes(
    *outcomes: Outcome, within: int = 30, answers: Sequence[Impression] = (FIRST, LATER, RANKED)
) -> list[Cause]:
    index = AnswerIndex(outcomes)
    for answer in answers:
        index.add(answer, answer.user_id)
    return [cause for _, cause in attribute(outcomes, index, within * DAY)]


def test_an_outcome_belongs_to_the_answer_that_it_names() -> None:
    assert causes(replace(ADOPTED, recommendation_id="R1")) == [Cause(Policy.RECOMMENDED, "v1")]


def test_without_a_name_the_visitors_newest_answer_that_held_the_group_counts() -> None:
    assert causes(ADOPTED) == [Cause(Policy.RECOMMENDED, "v2")]
    assert causes(replace(ADOPTED, at=DAY)) == [Cause(Policy.RECOMMENDED, "v1")]


def test_a_name_that_leads_nowhere_falls_back_to_the_visitors_answers() -> None:
    unknown = replace(ADOPTED, recommendation_id="R9")
    not_in_it = replace(ADOPTED, recommendation_id="R3")
    assert causes(unknown, not_in_it) == [Cause(Policy.RECOMMENDED, "v2")] * 2


def test_an_answer_too_long_ago_or_to_somebody_else_is_no_cause() -> None:
    assert causes(replace(ADOPTED, at=20 * DAY), within=17) == [NOBODY]
    assert causes(replace(ADOPTED, visitor="bob")) == [NOBODY]
    assert causes(replace(ADOPTED, visitor=None)) == [NOBODY]
    assert causes(replace(ADOPTED, item_id="never shown")) == [NOBODY]


def test_an_explored_place_and_a_ranking_are_policies_of_their_own() -> None:
    explored, ranked = replace(ADOPTED, item_id="h"), replace(ADOPTED, item_id="k")
    assert causes(explored, ranked) == [Cause(Policy.EXPLORED, "v1"), Cause(Policy.RANKED, "v3")]


def test_a_return_takes_back_the_adoption_it_follows() -> None:
    adopted = replace(ADOPTED, recommendation_id="R1")
    returned = Outcome(OutcomeKind.RETURN, 9 * DAY, None, "g", "rex")
    assert causes(returned, adopted) == [Cause(Policy.RECOMMENDED, "v1")] * 2
    assert causes(replace(returned, animal_id="another")) == [NOBODY]


def test_an_answer_may_have_held_the_animal_itself() -> None:
    assert causes(replace(ADOPTED, item_id="grown", animal_id="k")) == [Cause(Policy.RANKED, "v3")]


@pytest.mark.parametrize(
    ("question", "policies"),
    [
        (ANIMALS, [Policy.RECOMMENDED, Policy.EXPLORED]),
        (SEARCH, [Policy.RECOMMENDED, Policy.EXPLORED]),
        (ANIMAL_RANKING, [Policy.RANKED] * 2),
        (BOARD, [Policy.BOARD] * 2),
        (ALERT, [Policy.ALERT] * 2),
    ],
)
def test_an_answer_of_animals_led_to_those_that_it_showed_and_to_no_other_of_their_group(
    question: str, policies: list[Policy]
) -> None:
    page = replace(
        FIRST, question=question, item_ids=("g", "g"), animal_ids=(("rex", "max"), ("ada",))
    )
    of_all = [replace(ADOPTED, animal_id=one) for one in ("max", "ada", "bob")]
    for named in (None, "R1"):
        told = [replace(one, recommendation_id=named) for one in of_all]
        found = causes(*told, answers=[page])
        assert found == [*(Cause(one, "v1") for one in policies), NOBODY]
    of_a_group = replace(ADOPTED, animal_id=None)
    assert causes(of_a_group, answers=[page]) == [Cause(policies[0], "v1")]
