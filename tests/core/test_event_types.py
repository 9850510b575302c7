"""What sites call what their visitors do."""

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import STANDARD, SYNONYMS, EventTypes, plain_spelling


def test_types_are_read_by_one_table_without_case_and_separators(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        ("DetailView", "view"),
        ("detail_view", "view"),
        ("detail-view", "view"),
        ("Click", "view"),
        ("Favorite", "favorite"),
        ("Favourited", "favorite"),
        ("Inquiry", "inquiry"),
        ("Applied", "application"),
        ("Adopted", "adoption"),
        ("Purchase", "adoption"),
        ("return", "return"),
        ("dislike", "dislike"),
        ("Un-Favorite", "dislike"),
        ("HIDE", "dislike"),
    ]
    for sent, meaning in cases:
        with subtests.test(sent=sent, meaning=meaning):
            assert STANDARD.meaning(sent) == meaning
            assert STANDARD.knows(sent)


@pytest.mark.parametrize("sent", ["watch", "rating", "NOT_TAKEN", "Öffnen", ""])
def test_a_type_that_is_not_known_keeps_its_name(sent: str) -> None:
    assert STANDARD.meaning(sent) == sent
    assert not STANDARD.knows(sent)


def test_each_word_of_the_table_is_spelled_as_it_is_looked_up_and_means_one_thing() -> None:
    words = [word for words in SYNONYMS.values() for word in words.split()]
    assert sorted(words) == sorted({plain_spelling(word) for word in words})
    for meaning in SYNONYMS:
        assert STANDARD.meaning(meaning) == meaning


def test_a_setting_adds_types_and_says_which_meanings_there_are() -> None:
    types = EventTypes.with_added({"Gold-Star": "Favourite", "click": "inquiry"})
    assert types.meaning("gold_star") == "favorite"
    assert types.meaning("Click") == "inquiry"
    assert types.meaning("DetailView") == "view"
    assert STANDARD.meaning("gold_star") == "gold_star", "the table itself stays as it is"
    with pytest.raises(InvalidInput, match="GoldStar means 'shiny': it can mean view, favorite"):
        EventTypes.with_added({"GoldStar": "shiny"})


def test_what_means_something_is_found_by_all_its_spellings() -> None:
    types = EventTypes.with_added({"Gold-Star": "favorite"})
    assert {"favorite", "favourited", "goldstar"} <= types.spellings(["favorite"])
    assert "view" not in types.spellings(["favorite"])
    assert types.spellings(["watch"]) == {"watch"}
