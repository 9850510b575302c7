"""Sizes: small, medium, large and extra large."""

import re
from collections.abc import Mapping
from types import MappingProxyType

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
_NOT_KNOWN = frozenset({"puppy", "pup", "unknown", "unk", "u", "na", "none", "other"})


def size_id(text: str) -> str:
    """The id of a size in words, `unknown` where they say none; another word is its own id.

    What stands in parentheses does not count: `Medium (26-60 lbs)`.
    """
    plain = re.sub(r"\(.*?\)|\d.*", "", text) if re.search(r"[^\W\d]", text) else text
    word = "".join(letter for letter in plain.lower() if letter.isalnum())
    if word in _NOT_KNOWN:
        return "unknown"
    return _WORDS.get(word, text.strip().replace("-", "_").replace(" ", "_"))
