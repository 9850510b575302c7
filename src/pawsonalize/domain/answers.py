"""Answers as shelters write them: yes, no, something in between, or nothing."""

import re
from enum import StrEnum


class GoodWith(StrEnum):
    """Whether an animal gets along with somebody; nobody knowing is an answer of its own."""

    YES = "yes"
    NO = "no"
    SELECTIVE = "selective"
    UNKNOWN = "unknown"


_ANSWERS = {
    word: answer
    for answer, words in {
        GoodWith.YES: "1 y t yes true good ok okay ja j wahr oui vrai si sí sì verdadero sim"
        " verdadeiro vero waar",
        GoodWith.NO: "0 n f no false nein falsch non faux nee não nao falso onwaar",
        GoodWith.SELECTIVE: "selective some sometimes depends only if with slow calm small but"
        " most",
        GoodWith.UNKNOWN: "u unk unknown unspecified undetermined none na null nil notspecified"
        " notknown notsure nottested untested notapplicable tbd unbekannt keineangabe inconnu"
        " desconocido desconocida onbekend sconosciuto desconhecido",
    }.items()
    for word in words.split()
}
# An age of children, or a word for those who are no longer small.
_OLDER = re.compile(r"\d\d|\d\s*\D|\D\s*\d|\b(older|teen\w*|adults?|ältere?|größere|mayores)\b")
# `No known issues` is no no, nor are `no sabemos`, `non testato` and `não avaliado`.
_SAYS_LESS = re.compile(
    r"\b(known|issues?|problem|test|history|info|data|yet|expe|idea|conn[ua]|conoc|conosc|conhec"
    r"|not[oa]\b|sé\b|sai|sab|sap|prob|aval|evalu|valut|éval|aplica|applic)"
)


def says_nothing(text: str) -> bool:
    """True if the words say that nobody knows: `N/A`, `-`, `not tested`."""
    word = re.sub(r"[\W_]", "", text.casefold())
    return not word or _ANSWERS.get(word) is GoodWith.UNKNOWN


def read_answer(value: str | bool | None, *, about_children: bool = False) -> GoodWith | None:
    """An answer in words; None if they cannot be read.

    About children, an answer that holds for older ones only is a no: somebody who has children may
    have small ones.
    """
    if value is None or says_nothing(str(value)):
        return GoodWith.UNKNOWN
    plain = re.sub(r"^([01])\.0$", r"\1", str(value).strip().casefold())
    if about_children and _OLDER.search(plain):
        return GoodWith.NO
    first, *others = re.findall(r"[^\W_]+", plain)
    answer = _ANSWERS.get(first)
    if answer is GoodWith.YES and others:
        is_limited = any(_ANSWERS.get(word) is GoodWith.SELECTIVE for word in others)
        return GoodWith.SELECTIVE if is_limited else None
    return None if answer is GoodWith.NO and _SAYS_LESS.search(plain) else answer
