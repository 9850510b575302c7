"""Sizes: small, medium, large and extra large."""

from collections.abc import Mapping
from types import MappingProxyType

SMALL, MEDIUM, LARGE, EXTRA_LARGE = "1", "2", "3", "4"

SIZE_NAMES: Mapping[str, str] = MappingProxyType(
    {SMALL: "small", MEDIUM: "medium", LARGE: "large", EXTRA_LARGE: "extra large"}
)
_WORDS = MappingProxyType(
    {
        **dict.fromkeys(("small", "s", "tiny", "xs", "extrasmall"), SMALL),
        **dict.fromkeys(("medium", "m", "med"), MEDIUM),
        **dict.fromkeys(("large", "l", "big"), LARGE),
        **dict.fromkeys(("extralarge", "xl", "xlarge", "verylarge", "giant"), EXTRA_LARGE),
    }
)


def size_id(text: str) -> str:
    """The id of a size in words; a word nobody knows is its own id."""
    word = "".join(letter for letter in text.lower() if letter.isalnum())
    return _WORDS.get(word, text.strip().replace("-", "_").replace(" ", "_"))
