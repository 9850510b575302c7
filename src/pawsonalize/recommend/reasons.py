"""Reasons for a place in an answer: codes with values, and their words in English.

Pages and mails have the words of each code in their own languages.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

IN_ENGLISH: Final[Mapping[str, str]] = tomllib.loads(
    files(__package__).joinpath("reasons.toml").read_text("utf-8")
)
"""The words of each code, by `reasons.toml`."""
Writers = Mapping[str, Callable[[Any], str]]
_WRITERS: Final[Writers] = {
    "km": "{:.0f} km".format,
    "kind": " ".join,
    "household": " and ".join,
    "words": lambda words: " and ".join(f"“{word}”" for word in words),
}


class WordChoice(str):
    """A value in a message, which may choose words: `{who:female=her|male=him|it}`.

    The last words are for all other values.
    """

    __slots__ = ()

    def __format__(self, words: str) -> str:
        *forms, other = words.split("|")
        by_value = dict(form.split("=", 1) for form in forms)
        return by_value.get(self, other) if words else str(self)


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason why an animal or a group has its place; `str` has the API's words in English."""

    code: str
    weight: float = 0.0
    """Weight among the reasons of the place; what a record does not say has none."""
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.in_words(IN_ENGLISH[self.code], _WRITERS)

    def in_words(self, message: str, writers: Writers) -> str:
        """Return a message with its values, each as its writer writes it, if there is one."""
        values = {
            name: WordChoice(writers.get(name, str)(value)) for name, value in self.values.items()
        }
        return message.format(**values)
