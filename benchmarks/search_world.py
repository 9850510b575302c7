"""Made-up animals to be searched: facts first, then a record and a description written from them.

Species, breeds, sizes and colours are drawn as two real shelters had them, if their stays are in
the shared data, else from a small table. A fact is in the record, in the description or in both,
as shelters write; most descriptions say things in words that no table of ours has. Descriptions are
written in several voices by templates.
"""

import csv
import gzip
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from pawsonalize.animals.animal import Animal, AnimalStatus, StatusChange
from pawsonalize.core.attributes import GoodWith, size_id
from pawsonalize.core.breeds import read_breeds
from pawsonalize.core.times import SECOND

TODAY = date(2026, 6, 1)
NOW = int(datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC).timestamp()) * SECOND
CAT, DOG, RABBIT = "1", "2", "3"
TOWNS: Mapping[str, tuple[str, float, float]] = {
    "Fairfield": ("94533", 38.25, -122.04),
    "San José": ("95112", 37.35, -121.88),
    "Santa Cruz": ("95060", 36.97, -122.03),
    "Oakdale": ("95361", 37.77, -120.85),
    "Bloomington": ("47401", 39.16, -86.53),
    "Monterey": ("93940", 36.60, -121.89),
}
_SHELTERS = ("{} Animal Care", "Friends of {} Pets", "{} Humane Society")
_NAMES = [
    "Luna",
    "Max",
    "Bella",
    "Charlie",
    "Milo",
    "Coco",
    "Rocky",
    "Daisy",
    "Buddy",
    "Ruby",
    "Oscar",
    "Nala",
    "Simba",
    "Rosie",
    "Toby",
    "Pepper",
    "Ziggy",
    "Olive",
    "Hazel",
    "Archie",
    "Willow",
    "Bruno",
    "Maggie",
    "Finn",
    "Poppy",
    "Duke",
    "Stella",
    "Leo",
    "Gracie",
    "Jasper",
    "Mocha",
    "Otis",
    "Penny",
    "Winston",
    "Juno",
    "Felix",
    "Biscuit",
    "Clover",
    "Dexter",
    "Fern",
    "Gizmo",
    "Honey",
    "Iggy",
    "Jolene",
    "Kiki",
    "Louie",
]
_FALLBACK: Mapping[str, Sequence[tuple[str, str, int]]] = {
    CAT: [("Domestic Short Hair", "s", 60), ("Domestic Long Hair", "s", 14), ("Siamese", "s", 8),
          ("Domestic Medium Hair", "m", 12), ("Maine Coon", "l", 4), ("Persian", "s", 2)],
    DOG: [("Pit Bull", "l", 20), ("Chihuahua", "s", 22), ("German Shepherd", "l", 12),
          ("Labrador Retriever", "l", 12), ("Siberian Husky", "l", 7), ("Poodle", "s", 6),
          ("Border Collie", "m", 5), ("Beagle", "m", 4), ("Terrier", "s", 7), ("Boxer", "l", 3),
          ("Australian Cattle Dog", "m", 4), ("Great Dane", "xl", 2), ("Dachshund", "s", 3)],
    RABBIT: [("Lop-Eared", "s", 4), ("Rabbit SH", "s", 6)],
}  # fmt: skip
_COLOURS = {
    "black": "black blk",
    "white": "white wht",
    "grey": "gray grey blue silver slvr siver smoke",
    "brown": "brown brn chocolate choc liver",
    "orange": "orange org red",
    "tan": "tan fawn apricot",
    "cream": "cream crm buff",
    "brindle": "brindle",
    "tabby": "tabby tabbico torbie tiger",
    "tortoiseshell": "tortie tortoiseshell torbie",
    "calico": "calico tabbico",
    "tricolour": "tricolor tricolour",
    "gold": "gold golden yellow blonde",
}
_OF_COLOUR: defaultdict[str, set[str]] = defaultdict(set)
for _one, _words in _COLOURS.items():
    for _word in _words.split():
        _OF_COLOUR[_word].add(_one)

WORDS: Mapping[str, Any] = tomllib.loads(
    Path(__file__).with_name("search_words.toml").read_text(encoding="utf-8")
)
OPPOSITES = {
    "calm": "energetic", "cuddly": "independent", "quiet": "noisy", "shy": "outgoing",
    "first_time": "experienced", "apartment": "garden",
}  # fmt: skip
_AXES = (*OPPOSITES.items(), ("playful", ""), ("running", ""), ("smart", ""))


@dataclass(frozen=True, slots=True)
class Searched:
    """An animal as it is searched, and what is true of it: `yes`, `no`, or nothing is known."""

    animal: Animal
    town: str
    facts: Mapping[str, str]
    traits: frozenset[str]
    colours: frozenset[str] = field(default_factory=frozenset)

    @property
    def months(self) -> float:
        """Its age."""
        born = self.animal.born
        assert born is not None
        whole = 12 * (TODAY.year - born.year) + TODAY.month - born.month
        return whole + (TODAY.day - born.day) / 31


def draw_animals(count: int, seed: int, shelters: Path) -> list[Searched]:
    """Animals of every species that people search for most, at random."""
    random = Random(seed)
    kinds, colours = _distributions(shelters)
    return [_draw(str(number), random, kinds, colours) for number in range(count)]


Kinds = Mapping[str, tuple[list[tuple[str, str]], list[int]]]
Colours = Mapping[str, tuple[list[str], list[int]]]


def _distributions(shelters: Path) -> tuple[Kinds, Colours]:
    kinds: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    colours: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path in sorted(shelters.glob("stays_*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                raw = row["breed_raw"]
                species = {"cat": CAT, "dog": DOG}.get(row["species"])
                species = species or (RABBIT if "rabbit" in raw.lower() else None)
                if species and raw:
                    kinds[species][raw, row["size"]] += 1
                    colours[species].update({row["color_raw"].lower(): 1})
    if not kinds:
        for species, rows in _FALLBACK.items():
            kinds[species].update({(breed, size): weight for breed, size, weight in rows})
            colours[species].update(dict.fromkeys((*_OF_COLOUR, "black/white", "tan/white"), 1))
    return (
        {one: (list(each), list(each.values())) for one, each in kinds.items()},
        {one: (list(each), list(each.values())) for one, each in colours.items()},
    )


def _draw(animal_id: str, random: Random, kinds: Kinds, colours: Colours) -> Searched:
    species = random.choices([CAT, DOG, RABBIT], [45, 50, 5])[0]
    raw, size = random.choices(*kinds[species])[0]
    breeds = read_breeds(species, raw)
    sizes = {"": "unknown", "xs": "1"}
    months = random.choices([random.uniform(2, 12), random.uniform(12, 36), random.uniform(36, 96),
                             random.uniform(96, 180)], [25, 30, 30, 15])[0]  # fmt: skip
    sex, town = random.choice(["male", "female"]), random.choice(list(TOWNS))
    coloured = random.choices(*colours[species])[0]
    found = {
        one
        for word in re.findall(r"\w+", re.sub(r"\w+ merle", "", coloured))
        for one in _OF_COLOUR.get(word, ())
    }
    traits = _draw_traits(random, species)
    facts = {
        name: answer
        for name in ("kids", "dogs", "cats")
        if (answer := random.choices(["yes", "no", ""], [45, 25, 30])[0])
    }
    in_record = {name for name in facts if random.random() < 0.75}
    spoken = [name for name in facts if name not in in_record or random.random() < 0.4]
    trained = random.choice([True, True, False, None])
    needs = True if random.random() < 0.1 else random.choice([False, None])
    postcode, latitude, longitude = TOWNS[town]
    name = random.choice(_NAMES)
    animal = Animal(
        animal_id=animal_id,
        name=name,
        species=species,
        breed=breeds.primary,
        secondary_breed=breeds.secondary,
        mixed=breeds.mixed,
        size=sizes.get(size) or size_id(size),
        born=TODAY - timedelta(days=round(months * 30.44)),
        sex=sex,
        colours=tuple(coloured.split("/")),
        history=(StatusChange(AnimalStatus.AVAILABLE, NOW),),
        shelter=random.choice(_SHELTERS).format(town),
        postcode=postcode,
        latitude=latitude,
        longitude=longitude,
        fee=float(random.randrange(0, 500, 25)),
        house_trained=trained,
        special_needs=needs,
        good_with_kids=GoodWith(facts["kids"] if "kids" in in_record else "unknown"),
        good_with_dogs=GoodWith(facts["dogs"] if "dogs" in in_record else "unknown"),
        good_with_cats=GoodWith(facts["cats"] if "cats" in in_record else "unknown"),
        description=_describe(random, name, sex, traits, {one: facts[one] for one in spoken}),
    )
    known = {True: "yes", False: "no"}
    facts |= {"house_trained": known[trained]} if trained is not None else {}
    facts |= {"special_needs": known[needs]} if needs is not None else {}
    return Searched(animal, town, facts, frozenset(traits), frozenset(found))


def _draw_traits(random: Random, species: str) -> list[str]:
    axes = [axis for axis in _AXES if species == DOG or axis[0] not in {"running"}]
    traits = [random.choice(axes[0])]
    for one, other in random.sample(axes[1:], random.randint(2, 4)):
        trait = random.choice((one, other)) if other else one
        if not (trait in {"running", "garden"} and "calm" in traits):
            traits.append(trait)
    random.shuffle(traits)
    return traits


def _describe(
    random: Random, name: str, sex: str, traits: Sequence[str], spoken: Mapping[str, str]
) -> str:
    voice = random.choice(list(WORDS["opening"]))
    clauses = [random.choice(WORDS["clauses"][trait]) for trait in traits]
    for one, answer in spoken.items():
        clauses.append(random.choice(WORDS["good" if answer == "yes" else "bad"][one]))
    pronouns = {"he": "he", "his": "his"} if sex == "male" else {"he": "she", "his": "her"}
    clauses = [clause.format(name=name, **pronouns) for clause in clauses]
    he = pronouns["he"].capitalize()
    opening = random.choice(WORDS["opening"][voice]).format(name=name)
    match voice:
        case "terse":
            body = " ".join(f"{one.removeprefix('is ').capitalize()}." for one in clauses)
        case "list":
            body = "\n".join(f"- {one}" for one in clauses)
        case "story":
            body = f"These days {he.lower()} " + f". {he} ".join(clauses) + "."
        case _:
            body = " ".join(f"{random.choice([he, name])} {one}." for one in clauses)
    return f"{opening} {body} {random.choice(WORDS['closing'])}".strip()
