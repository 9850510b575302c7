"""The labels of all chips, in each language of the pages, typed into the search again."""

import tomllib
from collections.abc import Iterator
from importlib.resources import files

import pytest

from pawsonalize.animals.wishes import read_wish
from pawsonalize.animals.wishes.rules import FACTS, Rule
from pawsonalize.core import attributes
from pawsonalize.site.languages import language, languages

_YES = frozenset({"yes"})
_HOUSEHOLD = ("kids", "dogs", "cats")


def rules() -> Iterator[Rule]:
    """Every rule that has words of ours on its chip: of all values and of all facts."""
    named = {"species": attributes.SPECIES_NAMES, "age": attributes.AGE_NAMES}
    lexicon = files("pawsonalize.animals.wishes").joinpath("languages/english.toml").read_text()
    values = {name: set(some) for name, some in named.items()}
    values |= {part: set(tomllib.loads(lexicon)[part]) for part in ("colour", "coat")}
    for name, some in values.items():
        yield from (Rule(name, frozenset({value})) for value in sorted(some))
    large = {attributes.LARGE, attributes.EXTRA_LARGE}  # whoever says large means both
    for sizes in ({attributes.SMALL}, {attributes.MEDIUM}, large, {attributes.EXTRA_LARGE}):
        yield Rule("size", frozenset(sizes))
    yield from (Rule(name, _YES) for name in FACTS if Rule(name, _YES, negated=True).label)


def meant(text: str) -> list[Rule]:
    return [Rule(one.name, one.values, one.negated) for one in read_wish(text, 0).rules]


@pytest.mark.parametrize("tag", languages())
def test_a_chips_label_means_what_the_chip_means(tag: str, subtests: pytest.Subtests) -> None:
    labels = {rule: language(tag).value(rule.label) for rule in rules()}
    assert len(labels) >= 45
    assert len({*labels.values()}) == len(labels), "two chips have one label"
    for rule, label in labels.items():
        with subtests.test(label=label):
            assert meant(label) == [rule]


@pytest.mark.parametrize("tag", languages())
def test_a_chips_label_that_is_negated_means_the_opposite(
    tag: str, subtests: pytest.Subtests
) -> None:
    # A chip of a negated size or age has the visitor's own words, and may mean more: who is too
    # young is a puppy first of all.
    told = [rule for rule in rules() if rule.name not in {"size", "age"}]
    assert len(told) >= 35
    for rule in told:
        words = language(tag).messages["reason.gives_up"]
        label = words.format(words=language(tag).value(rule.label))
        with subtests.test(label=label):
            # Whoever has no children asks for nothing, so no chip says that.
            opposite = [] if rule.name in _HOUSEHOLD else [Rule(rule.name, rule.values, True)]
            assert meant(label) == opposite


def test_few_hairs_are_wished_in_many_words() -> None:
    for text in (
        "sheds little", "a dog that sheds very little", "hardly sheds", "does not shed much",
        "sheds only a little",
        "Hund, der wenig haart", "haart kaum", "haart nicht", "der nicht haart",
        "perro que suelte poco pelo",
        "que no suelte pelo",
    ):  # fmt: skip
        assert Rule("sheds_little", _YES) in meant(text), text
