"""A visitor's words are read as rules, as evidence and as words left to meaning."""

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.wishes import Rule, Wish, read_wish
from pawsonalize.animals.wishes.bounds import read_bound
from pawsonalize.animals.wishes.lexicon import Vocabulary, phrases_in, words_of_text
from pawsonalize.core.attributes import GoodWith
from tests.animal_data import animal
from tests.event_data import T0

WISHES: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("wishes.toml").read_text(encoding="utf-8")
)


def one(group: str, **more: object) -> Animal:
    return replace(animal(group, group), **more)  # type: ignore[arg-type]  # any of the fields


def written(wish: Wish) -> list[str]:
    """Rules and evidence in short: `size=1/2`, `-breed=husky`, `months<24`."""
    return [_short(rule) for rule in (*wish.rules, *wish.evidence)]


def _short(rule: Rule) -> str:
    values = "/".join(sorted(one for one in rule.values if "/" not in one or "*" in one))
    least = "" if rule.least is None else f">{rule.least:g}"
    most = "" if rule.most is None else f"<{rule.most:g}"
    return f"{'-' * rule.negated}{rule.name}{'=' * bool(values)}{values}{least}{most}"


def read(text: str) -> list[str]:
    return sorted(written(read_wish(text, T0)))


@pytest.mark.parametrize("kind", WISHES)
def test_wishes_are_read_as_rules_and_evidence(kind: str, subtests: pytest.Subtests) -> None:
    for text, found in WISHES[kind].items():
        with subtests.test(text=text):
            assert read(text) == sorted(found.split())


def test_what_a_record_leaves_open_of_a_household_is_read_in_the_description() -> None:
    (rule,) = read_wish("good with cats", T0).rules
    fits = {
        "Grew up with two cats.": True,
        "No cats, please.": False,
        "Hardly ever barks, chases cats.": False,
        "- cannot live with other dogs\n- chases cats": False,
        "Finds cats too much.": False,
        "A black cat of a dog.": None,
    }
    for description, expected in fits.items():
        assert rule.fits(one("2-Beagle-2-3", description=description)) is expected, description
    here = one("2-Beagle-2-3", description="No cats.", good_with_cats=GoodWith.YES)
    assert rule.fits(here), "a record's own answer counts"


def test_a_typing_error_is_mended_unless_a_record_has_the_word() -> None:
    wish = read_wish("femal kiten", T0)
    assert (written(wish), wish.suggestion) == (
        ["sex=female", "species=1", "age=1"],
        "female kitten",
    )
    assert read_wish("femal kiten", T0, as_written=True).rest == "femal kiten"
    assert read_wish("nothing agresive, freindly to eevryone", T0).suggestion == (
        "nothing aggressive, friendly to everyone"
    )
    assert read_wish("littel dog", T0).suggestion == "little dog", "not litter"
    assert read_wish("litte dog", T0).suggestion == "little dog", "litter means nothing alone"
    assert read_wish("maine coon, healthy", T0).suggestion is None
    assert read_wish("newer", T0).suggestion is None, "it is a word, and none of negation"
    here = Vocabulary({"kiten": 1}, {"femal"})
    assert read_wish("femal kiten", T0, here).suggestion is None


def test_what_has_no_meaning_here_is_left_to_search() -> None:
    wish = read_wish("calm dog who loves opera, no drama", T0)
    assert wish.rest == "opera"
    assert wish.gist == "calm opera"


def test_a_rule_fits_contradicts_or_does_not_know(subtests: pytest.Subtests) -> None:
    cats, no_cats = GoodWith.YES, GoodWith.NO
    born = date(2020, 1, 1)
    cases = [
        ("good with cats", one("2-Beagle-2-3", good_with_cats=cats), True),
        ("good with cats", one("2-Beagle-2-3", good_with_cats=no_cats), False),
        ("good with cats", one("2-Beagle-2-3"), None),
        ("no shepherds", one("2-German_Shepherd_Dog-3-3"), False),
        ("no shepherds", one("2-Beagle-2-3", secondary_breed="German_Shepherd_Dog"), False),
        ("no shepherds", one("2-Beagle-2-3"), True),
        ("anything but black", one("1-Manx-1-3", colours=("BLK", "white")), False),
        ("anything but black", one("1-Manx-1-3"), None),
        ("ginger", one("1-Manx-1-3", colours=("org",)), True),
        ("not too young", one("2-Beagle-2-1"), False),
        ("not too young", one("2-Beagle-2-3"), True),
        ("under 20 kg", one("2-Beagle-1-3"), True),
        ("under 20 kg", one("2-Beagle-2-3"), None),
        ("under 20 kg", one("2-Beagle-4-3"), False),
        ("younger than 2 years", one("2-Beagle-1-1"), True),
        ("younger than 2 years", one("2-Beagle-1-2"), None),
        ("younger than 2 years", one("2-Beagle-1-1", born=born), False),
        ("under 300 euros", one("2-Beagle-1-1", fee=301.0), False),
        ("calm", one("2-Beagle-1-1", description="A mellow fellow."), True),
        ("calm", one("2-Beagle-1-1", description="So much energy!"), False),
        ("for first-time owners", one("2-Pug-1-1", description="Not for beginners."), False),
        ("in fur colour grey", one("2-Pug-1-1", colours=("blue",)), True),
        ("doesn't shed", one("2-Siberian_Husky-3-3"), False),
        ("deaf", one("2-Pug-1-3", description="She is deaf."), True),
        ("deaf", one("2-Pug-1-3"), False),
        ("not deaf", one("2-Pug-1-3"), None),
        ("toddler", one("2-Pug-1-3", description="Good with kids over 12."), False),
        ("teenager", one("2-Pug-1-3", description="Good with kids over 12."), True),
        ("kids", one("2-Pug-1-3", description="Good with kids over 12."), None),
        ("4 year old child", one("2-Pug-1-3", description="Children of ten and up."), False),
        ("11 year old child", one("2-Pug-1-3", description="Kinder ab zehn Jahren."), True),
        ("11 year old child", one("2-Pug-1-3", description="Niños a partir de doce años."), False),
        ("calico", one("2-Pug-1-3"), False),
        ("doodle", one("2-Goldendoodle-3-3"), True),
        ("labradoodle", one("2-Labrador_Retriever-3-3", secondary_breed="Poodle"), True),
        ("doodle", one("2-Cocker_Spaniel-1-3", secondary_breed="Poodle"), True),
        ("doodle", one("2-Poodle-3-3"), False),
        ("puggle", one("2-Pug-1-3", description="Likely a puggle."), True),
        ("tuxedo", one("1-Manx-1-3", colours=("Black", "White")), True),
        ("tuxedo", one("1-Manx-1-3", colours=("Black",)), False),
        ("fluffy", one("1-Ragdoll-1-3"), True),
        ("fluffy", one("1-Sphynx-1-3"), False),
        ("fluffy", one("1-Ragdoll-1-3", coat="short"), False),
        ("under 20 pounds", one("2-Beagle-2-3", weight="18 lbs"), True),
        ("under 20 pounds", one("2-Beagle-1-3", weight="10.5 kg"), False),
        ("over 40 lb", one("2-Beagle-2-3", weight="35-45 lbs"), None),
    ]
    for text, here, fits in cases:
        wish = read_wish(text, T0 + 10**11)
        rule = next(iter((*wish.rules, *wish.evidence)))
        with subtests.test(text=text, fits=fits):
            assert rule.fits(here) is fits


def test_a_rule_reads_as_a_chip() -> None:
    wish = read_wish("small dog good with cats, not too old, ginger", T0)
    labels = {rule.label for rule in wish.rules}
    assert labels == {"small", "dog", "good with cats", "not too old", "orange"}


def test_the_words_before_a_number_come_to_an_end() -> None:
    # Each sign of `<<<<…` may begin a bound, so reading on to the end would take its square.
    for text, is_read in (("no more than about at most 5 kg", True), ("< " * 20 + "5 kg", False)):
        found = read_bound(list(phrases_in(words_of_text(text))), 0)
        assert (found is not None) is is_read
