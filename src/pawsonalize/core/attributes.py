"""Attributes of animals in the words of shelters: answers, species, sizes, sexes and ages."""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache

from pawsonalize.core.times import SECOND
from pawsonalize.core.words import by_word

# An age of children, or a word for those who are no longer small.
_OLDER = re.compile(r"\d\d|\d\s*\D|\D\s*\d|\b(older|teen\w*|adults?|ältere?|größere|mayores)\b")
# `No known issues` is no no, nor are `no sabemos`, `non testato` and `não avaliado`.
_SAYS_LESS = re.compile(
    r"\b(known|issues?|problem|test|history|info|data|yet|expe|idea|conn[ua]|conoc|conosc|conhec"
    r"|not[oa]\b|sé\b|sai|sab|sap|prob|aval|evalu|valut|éval|aplica|applic)"
)
CAT, DOG, RABBIT, SMALL_ANIMAL, BIRD, HORSE, REPTILE, BARNYARD = map(str, range(1, 9))
SPECIES_NAMES: Mapping[str, str] = {
    CAT: "cat",
    DOG: "dog",
    RABBIT: "rabbit",
    SMALL_ANIMAL: "small animal",
    BIRD: "bird",
    HORSE: "horse",
    REPTILE: "reptile",
    BARNYARD: "barnyard animal",
}
_SPECIES_FILLER = frozenset({"domestic", "pet", "pets", "animal", "stray"})
SMALL, MEDIUM, LARGE, EXTRA_LARGE = "1", "2", "3", "4"
# A puppy will grow, nobody says how far.
_NOT_KNOWN = frozenset({"puppy", "pup", "other"})
# The weights in pounds up to which an animal is small, medium and large.
_MOST_POUNDS: Mapping[str, tuple[int, int, int]] = {CAT: (6, 11, 16)}
_OTHER_POUNDS = (25, 60, 100)
_WEIGHT = re.compile(
    r"(\d+(?:[.,]\d{1,2})?)\s*\+?\s*(?:(lbs?|pounds?|#)|kgs?|kilos?)(?!\w)", re.IGNORECASE
)
_WEIGHT_RANGE = re.compile(r"(\d+(?:[.,]\d+)?)\s*[-\u2013]\s*(\d+(?:[.,]\d+)?)(\s*[^\W\d]+)")
_ABOVE = re.compile(r"over|above|more|>|\+", re.IGNORECASE)
POUNDS_A_KILO = 2.205
MALE, FEMALE = "male", "female"
BABY, YOUNG, ADULT, SENIOR = AGES = ("1", "2", "3", "4")
_OTHER_BANDS = (12, 36, 96)
AGE_NAMES: Mapping[str, str] = {BABY: "baby", YOUNG: "young", ADULT: "adult", SENIOR: "senior"}
# Months by the beginning of a unit, in seven languages.
_MONTHS = {
    **dict.fromkeys(("y", "jahr", "jaar", "an", "añ"), 12.0),
    "m": 1.0,
    **dict.fromkeys(("w", "sem", "sett"), 0.23),
    **dict.fromkeys(("d", "tag", "jour", "giorn"), 0.033),
}
_SPAN = re.compile(rf"(\d+(?:[.,]\d+)?)\s*({'|'.join(_MONTHS)})[^\W\d_]*\.?", re.IGNORECASE)
_BELOW = re.compile(r"<|\b(?:under|less than|unter|moins de|menos de|meno di|minder dan)\b")
_AGE_FILLER = re.compile(
    r"\b(?:old|of age|and|und|et|en|e|y|con|ca|circa|approx\w*|about|around|etwa|alt)\b"
)


def _id_by_name(names: Mapping[str, str]) -> Callable[[str], str]:
    return {name: id_ for id_, name in names.items()}.__getitem__


class GoodWith(StrEnum):
    """Answers on getting along with somebody; that nobody knows is one of them."""

    YES = "yes"
    NO = "no"
    SELECTIVE = "selective"
    UNKNOWN = "unknown"


_ANSWERS = by_word("answers", GoodWith)


def says_nothing(text: str) -> bool:
    """True if the words say that nobody knows: `N/A`, `-`, `not tested`."""
    word = re.sub(r"[\W_]", "", text.casefold())
    return not word or _ANSWERS.get(word) is GoodWith.UNKNOWN


def read_answer(value: str | bool | None, *, about_children: bool = False) -> GoodWith | None:
    """Read an answer such as `yes`, `older only` or `N/A`; None if it cannot be understood."""
    # About children, one for older ones only is a no.
    if value is None or says_nothing(str(value)):
        return GoodWith.UNKNOWN
    # Where a column has gaps, spreadsheet programs write its 1 as 1.0.
    plain = re.sub(r"^([01])\.0$", r"\1", str(value).strip().casefold())
    if about_children and _OLDER.search(plain):
        return GoodWith.NO
    first, *others = re.findall(r"[^\W_]+", plain)
    answer = _ANSWERS.get(first)
    # Behind a yes may stand conditions, or what takes it back.
    if answer is GoodWith.YES and others:
        is_limited = any(_ANSWERS.get(word) is GoodWith.SELECTIVE for word in others)
        return GoodWith.SELECTIVE if is_limited else None
    return None if answer is GoodWith.NO and _SAYS_LESS.search(plain) else answer


_SPECIES = by_word("species", _id_by_name(SPECIES_NAMES))


def species_id(text: str) -> str:
    """The id of a species in words (`Dogs`, `Domestic Rabbit`); an unknown word is its own id."""
    words = re.findall(r"\w+", text.casefold())
    # All words first, as `animal` is filler, but not in `small animal`.
    for some in (words, [word for word in words if word not in _SPECIES_FILLER]):
        word = "".join(some)
        for singular in (word, word.removesuffix("s"), word.removesuffix("es")):
            if singular in _SPECIES:
                return _SPECIES[singular]
    return text.strip().replace("-", "_").replace(" ", "_")


SIZE_NAMES: Mapping[str, str] = {
    SMALL: "small",
    MEDIUM: "medium",
    LARGE: "large",
    EXTRA_LARGE: "extra large",
}
_SIZE_WORDS = by_word("sizes", _id_by_name(SIZE_NAMES))


def size_id(text: str, species: str = "") -> str:
    """Id of a size in words or of a weight (the greater of a range); else `unknown` or the word."""
    # A word goes before the weight beside it, as in `Medium (26-60 lbs)`.
    plain = re.sub(r"\(.*?\)|\d.*", "", text) if re.search(r"[^\W\d]", text) else text
    word = "".join(letter for letter in plain.lower() if letter.isalnum())
    if word in _NOT_KNOWN or says_nothing(text):
        return "unknown"
    if word not in _SIZE_WORDS and (weights := _WEIGHT.findall(text)):
        number, in_pounds = weights[-1]
        pounds = float(number.replace(",", ".")) * (1 if in_pounds else POUNDS_A_KILO)
        # `Over 25 lbs` is the size above the one that ends at 25.
        pounds += 0.01 * bool(_ABOVE.search(text))
        return str(1 + sum(most < pounds for most in _MOST_POUNDS.get(species, _OTHER_POUNDS)))
    return _SIZE_WORDS.get(word, text.strip().replace("-", "_").replace(" ", "_"))


def weight_in(text: str) -> tuple[float, float] | None:
    """Least and greatest weight that a text names, in pounds; None without one that has a unit."""
    found = [
        float(number.replace(",", ".")) * (1 if in_pounds else POUNDS_A_KILO)
        for number, in_pounds in _WEIGHT.findall(_WEIGHT_RANGE.sub(r"\1\3 - \2\3", text))
    ]
    return (min(found), max(found)) if found else None


def weight_range(size: str, species: str) -> tuple[float, float] | None:
    """Least and greatest weight of an animal of that size, in pounds; None of an unknown size."""
    if size not in SIZE_NAMES:
        return None
    bounds = (0.0, *_MOST_POUNDS.get(species, _OTHER_POUNDS), float("inf"))
    return bounds[int(size) - 1], bounds[int(size)]


def _sex(name: str) -> tuple[str, bool | None]:
    sex, _, state = name.partition(" ")
    return sex, state == "altered" if state else None


_SEXES = by_word("sexes", _sex)
_ALTERED = re.compile(r"kastri|sterilis|castr|st[eé]rili[sz]")
_NOT_ALTERED = re.compile(r"\b(?:nicht|no|not|non|niet|não|pas|un\w+|intakt|intact)\b")


def read_sex(text: str) -> tuple[str, bool | None] | None:
    """`male` or `female`, and whether it is altered if the word says so; None for other words."""
    plain = text.casefold()
    if (sex := _SEXES.get(re.sub(r"[\W_]", "", plain))) is not None:
        return sex
    # `weiblich, nicht kastriert`: the sex, and a word for the operation.
    sexes = {_SEXES[word][0] for word in re.findall(r"[^\W\d_]+", plain) if word in _SEXES}
    if len(sexes) != 1 or not _ALTERED.search(plain):
        return None
    return sexes.pop(), not _NOT_ALTERED.search(plain)


# By species id: the age in whole months from which an animal is young, adult and senior.
BANDS: Mapping[str, tuple[int, int, int]] = {
    "1": (12, 36, 132),  # cats
    "2": (12, 36, 96),  # dogs
    "3": (6, 12, 60),  # rabbits
    "4": (3, 12, 36),  # small animals
    "5": (12, 36, 180),  # birds
    "6": (12, 48, 216),  # horses
    "7": (12, 36, 180),  # reptiles
    "8": (12, 24, 96),  # barnyard animals
}


def age_at(species: str, born: date, moment: int) -> str:
    """The age band's id at a moment, in milliseconds since 1970; before its birth a baby."""
    passed = sum(start <= moment for start, _age in age_band_starts(species, born)[1:])
    return AGES[passed]


@lru_cache(maxsize=16_384)  # every birthday of twenty years, for two species
def age_band_starts(species: str, born: date) -> tuple[tuple[int, str], ...]:
    """The first moment of each age band of the animal, all four, in order."""
    starts = []
    for months in (0, *BANDS.get(species, _OTHER_BANDS)):
        year, month = divmod(born.year * 12 + born.month - 1 + months, 12)
        day = min(born.day, monthrange(year, month + 1)[1])  # who was born on the 31st
        starts.append(int(datetime(year, month + 1, day, tzinfo=UTC).timestamp()) * SECOND)
    return tuple(zip(starts, AGES, strict=True))


_AGE_WORDS = by_word("ages", _id_by_name(AGE_NAMES))


def age_id(text: str, species: str = "") -> str:
    """Id of an age band in words or of an age (`2 years 3 months`); else `unknown` or the word."""
    word = "".join(letter for letter in text.lower() if letter.isalnum())
    if says_nothing(text):
        return "unknown"
    plain = text.lower()
    spans = _SPAN.findall(plain)
    left, is_below = _BELOW.subn("", _SPAN.sub("", plain))
    # All of the text must be ages: other words may say something else.
    if spans and not re.search(r"\w", _AGE_FILLER.sub("", left)):
        # `Under 1 year` is the age below the one that begins there.
        months = -0.01 * bool(is_below)
        months += sum(float(amount.replace(",", ".")) * _MONTHS[unit] for amount, unit in spans)
        return AGES[sum(start <= months for start in BANDS.get(species, _OTHER_BANDS))]
    return _AGE_WORDS.get(word, text.strip().replace("-", "_").replace(" ", "_"))
