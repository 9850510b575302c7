"""The index of words has what is there now, whatever was there before."""

from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.plugins.search.index import WordIndex, stem

_WORDS = st.frozensets(st.sampled_from(["calm", "cat", "catnip", "garden"]), max_size=3)


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | _WORDS), max_size=40))
def test_each_word_has_the_slots_that_were_put_last(
    changes: list[tuple[int, frozenset[str] | None]],
) -> None:
    index, there = WordIndex(), dict[int, frozenset[str]]()
    for slot, words in changes:
        if words is None:
            index.drop(slot)
            there.pop(slot, None)
        else:
            index.put(slot, words)
            there[slot] = words
    index._clear()
    for word in ("calm", "cat", "catnip", "garden"):
        assert sorted(index.slots(word)) == [s for s in sorted(there) if word in there[s]]
    begun = [s for s in sorted(there) if {"cat", "catnip"} & there[s]]
    assert index.beginning("cat").tolist() == begun


def test_lists_are_cleared_of_what_is_gone() -> None:
    index = WordIndex()
    for _ in range(5_000):
        index.put(1, {"calm"})
    assert len(index._slots) < 2_000
    assert index.slots("calm").tolist() == [1]


def test_a_plural_is_the_same_word() -> None:
    pairs = {"walks": "walk", "puppies": "puppy", "kiss": "kiss", "classes": "class", "bus": "bus"}
    assert {word: stem(word) for word in pairs} == pairs
