"""Sizes: small, medium, large and extra large."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from pawsonalize.domain.answers import says_nothing
from pawsonalize.domain.species import CAT

SMALL, MEDIUM, LARGE, EXTRA_LARGE = "1", "2", "3", "4"

SIZE_NAMES: Mapping[str, str] = MappingProxyType(
    {SMALL: "small", MEDIUM: "medium", LARGE: "large", EXTRA_LARGE: "extra large"}
)
_WORDS = MappingProxyType(
    {
        word: size
        for size, words in {
            SMALL: "small s sm sml tiny xs extrasmall xsmall toy teacup mini kitten kittn klein"
            " pequeño pequeña pequeno petit petite piccolo piccola",
            MEDIUM: "medium m med md mittel mittelgroß mediano mediana moyen moyenne medio media",
            LARGE: "large l lg lrg big gross groß grande grand",
            EXTRA_LARGE: "extralarge xl xlg xlrg xlarge xxl verylarge giant huge sehrgroß gigante",
        }.items()
        for word in words.split()
    }
)
# A puppy will grow, nobody says how far.
_NOT_KNOWN = frozenset({"puppy", "pup", "other"})
# The weights in pounds up to which an animal is small, medium and large.
_MOST_POUNDS: Mapping[str, tuple[int, int, int]] = MappingProxyType({CAT: (6, 11, 16)})
_OTHERS = (25, 60, 100)
_WEIGHT = re.compile(
    r"(\d+(?:[.,]\d{1,2})?)\s*\+?\s*(?:(lbs?|pounds?|#)|kgs?|kilos?)(?!\w)", re.IGNORECASE
)
_ABOVE = re.compile(r"over|above|more|>|\+", re.IGNORECASE)
_POUNDS_A_KILO = 2.205


def size_id(text: str, species: str = "") -> str:
    """The id of a size in words, `unknown` where they say none; another word is its own id.

    A weight (`45 lbs`, `20 kg`) has a size; of a range the greater weight counts. What stands in
    parentheses beside words does not count: `Medium (26-60 lbs)`.
    """
    plain = re.sub(r"\(.*?\)|\d.*", "", text) if re.search(r"[^\W\d]", text) else text
    word = "".join(letter for letter in plain.lower() if letter.isalnum())
    if word in _NOT_KNOWN or says_nothing(text):
        return "unknown"
    if word not in _WORDS and (weights := _WEIGHT.findall(text)):
        number, in_pounds = weights[-1]
        pounds = float(number.replace(",", ".")) * (1 if in_pounds else _POUNDS_A_KILO)
        pounds += 0.01 * bool(_ABOVE.search(text))
        return str(1 + sum(most < pounds for most in _MOST_POUNDS.get(species, _OTHERS)))
    return _WORDS.get(word, text.strip().replace("-", "_").replace(" ", "_"))
