"""Sexes: what shelters write for them, which often says as well whether an animal is altered."""

import re
from collections.abc import Mapping
from types import MappingProxyType

MALE, FEMALE = "male", "female"

# By the sex, and whether the word says that the animal is spayed or neutered.
_WORDS: Mapping[tuple[str, bool | None], str] = MappingProxyType(
    {
        (MALE, None): "m male boy macho männlich maschio mâle stallion tom",
        (FEMALE, None): "f female girl hembra weiblich femmina femelle mare queen",
        (MALE, True): "n mn nm cm mc neutered neuteredmale maleneutered malen castrated"
        " castratedmale malecastrated gelding",
        (FEMALE, True): "s fs sf spayed spayedfemale femalespayed",
        (MALE, False): "im mi intactmale unalteredmale maleintact",
        (FEMALE, False): "if fi intactfemale unalteredfemale femaleintact",
    }
)
_SEXES = MappingProxyType({word: sex for sex, words in _WORDS.items() for word in words.split()})


def read_sex(text: str) -> tuple[str, bool | None] | None:
    """`male` or `female`, and whether it is altered if the word says so; None for other words."""
    return _SEXES.get(re.sub(r"[\W_]", "", text.casefold()))
