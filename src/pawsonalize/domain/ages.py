"""Age bands: baby, young, adult and senior, which come at another age for every species."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from types import MappingProxyType

from pawsonalize.domain.answers import says_nothing
from pawsonalize.domain.times import SECOND

BABY, YOUNG, ADULT, SENIOR = AGES = ("1", "2", "3", "4")

# By species id: the age in whole months from which an animal is young, adult and senior.
BANDS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "1": (12, 36, 132),  # cats
        "2": (12, 36, 96),  # dogs
        "3": (6, 12, 60),  # rabbits
        "4": (3, 12, 36),  # small animals
        "5": (12, 36, 180),  # birds
        "6": (12, 48, 216),  # horses
        "7": (12, 36, 180),  # reptiles
        "8": (12, 24, 96),  # barnyard animals
    }
)
_OTHERS = (12, 36, 96)


def age_at(species: str, born: date, moment: int) -> str:
    """The age band's id at a moment, in milliseconds since 1970; before its birth a baby."""
    passed = sum(start <= moment for start, _age in ages_of(species, born)[1:])
    return AGES[passed]


@lru_cache(maxsize=16_384)  # every birthday of twenty years, for two species
def ages_of(species: str, born: date) -> tuple[tuple[int, str], ...]:
    """From which moment on the animal is of which band, all four, in order."""
    months = (0, *BANDS.get(species, _OTHERS))
    return tuple(
        (_midnight(_months_after(born, month)), age)
        for month, age in zip(months, AGES, strict=True)
    )


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND


AGE_NAMES: Mapping[str, str] = MappingProxyType(
    {BABY: "baby", YOUNG: "young", ADULT: "adult", SENIOR: "senior"}
)
_WORDS = MappingProxyType(
    {
        word: age
        for age, words in {
            BABY: "baby kitten kittn puppy pup infant newborn neonate nursing weanling cachorro"
            " welpe chiot chaton cucciolo",
            YOUNG: "young juvenile adolescent youngadult joven jung jungtier jeune giovane",
            ADULT: "adult matureadult mature grown adulto adulta erwachsen adulte",
            SENIOR: "senior old older geriatric elderly aged alt anciano",
        }.items()
        for word in words.split()
    }
)
_MONTHS = {"y": 12.0, "m": 1.0, "w": 0.23, "d": 0.033}  # by the unit's first letter
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(y|m|w|d)[a-z]*\.?", re.IGNORECASE)


def age_id(text: str, species: str = "") -> str:
    """The id of an age band in words, or of an age such as `2 years 3 months`.

    `unknown` where the words say none; another word is its own id.
    """
    word = "".join(letter for letter in text.lower() if letter.isalnum())
    if says_nothing(text):
        return "unknown"
    spans = _SPAN.findall(text)
    if spans and not re.search(r"\w", _SPAN.sub("", text.lower()).replace("old", "")):
        months = sum(float(amount) * _MONTHS[unit.lower()] for amount, unit in spans)
        return AGES[sum(start <= months for start in BANDS.get(species, _OTHERS))]
    return _WORDS.get(word, text.strip().replace("-", "_").replace(" ", "_"))
