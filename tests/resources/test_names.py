"""New identifiers."""

from uuid import RFC_4122, UUID

from pawsonalize.resources.kind import new_recommendation_id
from tests.event_data import T0


def test_the_id_of_an_answer_is_a_uuid_that_says_when() -> None:
    name = new_recommendation_id(T0)
    prefix, text = name[:4], name[4:]
    found = UUID(text)
    assert (prefix, str(found)) == ("RID-", text)
    assert (found.version, found.variant, found.int >> 80) == (7, RFC_4122, T0)


def test_ids_of_answers_differ_and_are_in_the_order_of_their_moments() -> None:
    names = [new_recommendation_id(T0 + n) for n in range(1_000)]
    assert names == sorted(set(names))
    assert len({new_recommendation_id(T0) for _ in range(1_000)}) == 1_000


def test_a_moment_that_no_uuid_can_say_gives_an_id_as_well() -> None:
    assert UUID(new_recommendation_id(-1)[4:]).version == 7
