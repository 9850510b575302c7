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


<<<<<<< HEAD
@pytest.mark.parametrize("kind", WISHES)
def test_wishes_are_read_as_rules_and_evidence(kind: str, subtests: pytest.Subtests) -> None:
    for text, found in WISHES[kind].items():
=======
def test_wishes_are_read_as_rules_and_evidence(subtests: pytest.Subtests) -> None:
    cases = {
        "calm dog for kids, not too big": "-size=3/4 kids=yes species=2 trait=calm",
        "a cat that is good with dogs and kids": "dogs=yes kids=yes species=1",
        "we have two cats and our toddler": "cats=yes kids=yes<24",
        "kid-friendly, cat-safe, house-trained": "cats=yes house_trained=yes kids=yes",
        "no kids at home": "",
        "dog without kids": "species=2",
        "no shepherds": "-breed=shepherd",
        "anything but black": "-colour=black",
        "not for first-time owners": "-trait=first_time",
        "doesn't shed": "sheds_little=yes",
        "not too big, no husky or malamute, but calm": (
            "-breed=husky -breed=malamute -size=3/4 trait=calm"
        ),
        "small dog, no pit bulls, huskies or shepherds": (
            "-breed -breed=husky -breed=shepherd size=1 species=2"
        ),
        "dog, not too energetic and doesn't bark": "-trait=energetic species=2 trait=quiet",
        "cat, not a kitten": "-age=1 species=1",
        "black or orange cat": "colour=black/orange species=1",
        "black and white cat": "colour=black colour=white species=1",
        "beagle or cat": "breed=1/*/beagle",
        "torbie": "colour=tabby colour=tortoiseshell",
        "we have a husky": "dogs=yes",
        "pas de chat noir": "-colour=black species=1",
        "no cats that scratch furniture": "-trait=destructive species=1",
        "only dogs": "species=2",
        "I have experience": "trait=experienced",
        "no dogs over 40 lb": "-pounds>40 species=2",
        "any dog but a husky": "-breed=husky species=2",
        "cat of any color but black": "-colour=black species=1",
        "blind or deaf cat welcome": "species=1",
        "boy or girl no preference": "",
        "no mixes": "-mixed=yes",
        "healthy cat": "-special_needs=yes species=1",
        "short haired cat": "coat=short species=1",
        "🐶 small": "size=1 species=2",
        "boy standard schnauzer": "breed sex=male",
        "dog for a senior": "species=2",
        "not energetic dog": "-trait=energetic species=2",
        "not a lap cat": "-trait=cuddly species=1",
        "dog that sheds so little": "sheds_little=yes species=2",
        "dog suited to apartments": "species=2 trait=apartment",
    }
    for text, found in cases.items():
        with subtests.test(text=text):
            assert read(text) == sorted(found.split())


def test_wishes_are_read_in_seven_languages(subtests: pytest.Subtests) -> None:
    cases = {
        "busco perro tranquilo que se lleve bien con niños, no muy grande": (
            "-size=3/4 kids=yes species=2 trait=calm"
        ),
        "wir haben zwei Katzen und suchen einen kleinen Hund": "cats=yes size=1 species=2",
        "Kater, kinderlieb, unter 5 Jahren": "kids=yes months<60 sex=male species=1",
        "chien calme, pas trop gros, moins de 3 ans": ("-size=3/4 months<36 species=2 trait=calm"),
        "pas de berger allemand ni de husky": "-breed -breed=husky",
        "cachorro pequeno, tenho duas crianças": "kids=yes size=1 species=2",
        "piccolo cane che vada d'accordo con i gatti": "cats=yes size=1 species=2",
        "rustige hond, niet te groot, goed met kinderen": (
            "-size=3/4 kids=yes species=2 trait=calm"
        ),
        "junge Katze": "age=2 species=1",
        "chat senior": "age=4 species=1",
        "Huskymix": "breed=husky",
        "Huendin, nicht aelter als 3 Jahre": "months<36 sex=female species=2",
        "Langhaarkatze": "coat=long species=1",
        "perro mestizo": "mixed=yes species=2",
        "gatta nera": "colour=black sex=female species=1",
        "cualquier color menos negro": "-colour=black",
        "nicht verschmuste Katze": "-trait=cuddly species=1",
        "no es un gato faldero": "-trait=cuddly species=1",
        "Hund für Kleinkinder": "kids=yes<24 species=2",
        "gato atigrado": "colour=tabby species=1",
    }
    for text, found in cases.items():
        with subtests.test(text=text):
            assert read(text) == sorted(found.split())


def test_a_household_is_told_from_the_animal_that_is_wished(subtests: pytest.Subtests) -> None:
    cases = {
        "we have a cat and want a dog": "cats=yes species=2",
        "our daughter keeps asking for a dog": "kids=yes species=2",
        "companion for my 2 year old neutered male tabby": "cats=yes species=1",
        "a friend for our husky": "dogs=yes species=2",
        "Spielgefährte für unseren Kater": "cats=yes species=1",
        "cat that does not like other cats, but dogs": "dogs=yes species=1",
        "big dog that doesn't need a yard": "-fenced_yard=yes size=3/4 species=2",
        "cat negative for FIV and FeLV": "-felv=yes -fiv=yes species=1",
        "we have kids, a dog and a cat": "cats=yes dogs=yes kids=yes",
        "our old dog died": "species=2",
        "a kitten for our dog": "age=1 dogs=yes species=1",
        "allergic to cats, want a dog": "-species=1 species=2",
        "scared of big dogs": "-size=3/4",
        "never chases cats": "cats=yes",
        "friendly to everyone, white cat": "colour=white species=1 trait=outgoing",
        "good with people and dogs": "dogs=yes",
        "nothing bigger than a lundehund": "",
        "I'm allergic to cats but love dogs": "-species=1 species=2",
        "we lost our old beagle and want a puppy": "age=1 species=2",
        "good with cats but not dogs": "cats=yes",
        "we are both old, want a young cat": "age=2 species=1",
        "we are getting a small dog": "size=1 species=2",
        "my landlord only allows dogs": "species=2",
        "must not chase my cats": "cats=yes",
        "un chat qui n'a pas peur des chiens": "dogs=yes species=1",
        "I'd rather not have a puppy": "-age=1",
        "good with cats, dogs and kids": "cats=yes dogs=yes kids=yes",
        "no kids no other pets": "",
        "no kids, two cats": "cats=yes",
        "we have a big yard, two kids and a cat": "cats=yes kids=yes trait=garden",
        "we lost our cat and want a grey one": "colour=grey species=1",
    }
    for text, found in cases.items():
>>>>>>> sentences2
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
