"""Reasons for a place in an answer: codes with values, and their words in English.

Pages and mails have the words of each code in their own languages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

IN_ENGLISH: Final[Mapping[str, str]] = {
    # Of a group, the parts of a model's score:
    "own history": "you {seen:pick=picked|looked at} such an animal before",
    "transitions": "often chosen right after what you {seen:pick=picked|looked at}",
    "co-visits": "liked together with what you {seen:pick=picked|looked at}",
    "related items": "of a kind you {seen:pick=picked|look at}",
    "popularity": "popular now",
    "freshness": "new here",
    "neighbours": "liked by visitors with a taste like yours",
    "factors": "goes with what you {seen:pick=picked|looked at}",
    "species": "of the kind of animal you {seen:pick=picked|look at}",
    "breed": "of a breed you {seen:pick=picked|look at}",
    "size": "of the size you {seen:pick=picked|look at}",
    "age": "of the age you {seen:pick=picked|look at}",
    "trend": "asked for more and more",
    "chance": "shown by chance",
    "context": "liked by visitors like you",
    "preferences": "fits what you are looking for",
    "blend": "fits your visit best all in all",
    "propensity": "often taken by visitors like you",
    # Of an animal; `freshness` and `preferences` are, too:
    "back": "back here",
    "waiting": "waiting {days} days",
    "wished": "the shelter wishes {who:female=her|male=him|it} to be seen",
    "away": "{km} away",
    "seldom": "seldom shown so far",
    "photos": "has {n:1=a photo|{n} photos}",
    "good_with": "good with {household}",
    "like_those": "like those you {seen:pick=picked|looked at}",
    "like_one": (
        "{kind}, like one you {deed:application=applied for|inquiry=asked about|favorite=saved"
        "|pick=picked|looked at}"
    ),
    "did": (
        "you {deed:application=applied for|inquiry=asked about|favorite=saved|pick=picked"
        "|looked at} {who:female=her|male=him|several=one of them|it}"
    ),
    "opened": "often opened by visitors",
    "kind_opened": "many visitors open animals like this one",
    "wrote": "you wrote {words}",
    "writes": "the shelter writes: “{quote}”",
    "gives_up": "not {words}",
    # What its record does not say:
    "unknown": "nobody knows yet whether {who:female=she|male=he|it} likes {household}",
    "selective": "{who:female=she|male=he|it} likes some {household}, not all",
    "missing_distance": "nobody told how far away",
    "missing_fee": "nobody told the fee",
    "missing_size": "nobody told the size",
    "missing_sex": "nobody told the sex",
    "missing_age": "nobody told the age",
    "missing_house_trained": "nobody told whether it is house-trained",
    "missing_special_needs": "nobody told of special needs",
}
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
