"""The words of shelters and sites in seven languages, as `words.toml` lists them."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
WORDS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text("utf-8")
)


def by_word(table: str, meaning_of: Callable[[str], T]) -> dict[str, T]:
    """The meaning of each word in a table of `words.toml`, made from the name of its list."""
    return {
        word: meaning_of(name) for name, words in WORDS[table].items() for word in words.split()
    }
