"""Phrases of the lexicon (`statements/`) in a sentence, and the language that it is in."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from pawsonalize.core import attributes
from pawsonalize.core.breed_spelling import plain_letters
from pawsonalize.core.breeds import breeds_named

YES, NO, CONDITION = "yes", "no", "condition"
PAUSES = frozenset(",():/\u2013\u2014;")
_LANGUAGES = ("english", "spanish", "german", "french", "portuguese", "italian", "dutch")
_LEXICONS = Path(__file__).parent
_TICK = re.compile("([✔✅✓☑👍❌✗✘✖🚫])\ufe0f?")
_COMPOUND = re.compile(  # `Schildpattdame`, `Windhunden`
    r"(\w{4,}?)s?(hunde?|hunden|hundin|hundinnen|rude|ruden|katzen?|kater|katern|dame|madchen|junge)"
)
_PLURALS = ("s", "es", "n", "en")
_SHORTEST_BREED = 3  # letters
_TOKEN = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[^\w\s]")


class Phrase(NamedTuple):
    """Words of a sentence with what they mean: parts of the lexicon and the value in each."""

    text: str
    start: int
    end: int
    meanings: frozenset[tuple[str, str]]

    def does(self, *names: str) -> bool:
        """Return True if the part `grammar` has one of the names."""
        return any(("grammar", name) in self.meanings for name in names)

    def values(self, part: str) -> list[str]:
        """Return the values that the phrase has in a part, sorted."""
        return sorted(value for name, value in self.meanings if name == part)


def _choices(pattern: str) -> list[str]:
    """Write out a pattern such as `dogs? (and|or) cats`."""
    pieces = re.findall(r"[()|]|\?|[^()|?]", f"{pattern})")

    def alternatives(place: int) -> tuple[list[str], int]:
        found, here, last = [], [""], [""]
        while pieces[place] != ")":
            piece = pieces[place]
            if piece == "|":
                found += _joined(here, last)
                here, last = [""], [""]
            elif piece == "?":
                last = [*last, ""]
            else:
                here = _joined(here, last)
                if piece == "(":
                    last, place = alternatives(place + 1)
                else:
                    last = [piece]
            place += 1
        return found + _joined(here, last), place

    return [" ".join(one.split()) for one in alternatives(0)[0]]


def _joined(starts: list[str], ends: list[str]) -> list[str]:
    return [start + end for start in starts for end in ends]


class Lexicon(NamedTuple):
    """The phrases of a language, by their words."""

    phrases: Mapping[tuple[str, ...], frozenset[tuple[str, str]]]
    longest: Mapping[str, int]
    """Number of words of the longest phrase that begins with a word."""
    ignored: frozenset[str]


def _read_table(folder: str, language: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((_LEXICONS / folder / f"{language}.toml").read_text("utf-8"))


@cache  # not at import: most commands read no description
def load_lexicon(language: str, traits: tuple[str, ...]) -> Lexicon:
    """Load the phrases of a language, with those of wishes for all but `traits`."""
    table = _read_table("statements", language)
    ignored = frozenset(re.split(r",\s+", table.pop("words").get("ignored", "")))
    found: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    longest: dict[str, int] = {}
    wished = {
        name: phrases
        for name, phrases in _read_table("wishes/languages", language)["trait"].items()
        if name not in traits
    }
    for part, values in {**table, "trait": wished}.items():
        for value, patterns in values.items():
            for pattern in patterns.split(","):
                for phrase in _choices(" ".join(pattern.split())):
                    words = phrase.split()
                    key = tuple(word for word in words if word not in ignored)
                    if not key or len(key) < min(len(words), 2):
                        continue  # `not every` is no `not`
                    found.setdefault(key, set()).add((part, value))
                    longest[key[0]] = max(len(key), longest.get(key[0], 1))
    frozen = {key: frozenset(meanings) for key, meanings in found.items()}
    return Lexicon(frozen, longest, ignored)


@cache
def _common_words() -> Mapping[str, frozenset[str]]:
    """Words by which each language is recognised: all of its lexicon."""
    return {
        name: frozenset(
            word
            for values in _read_table("statements", name).values()
            for patterns in values.values()
            for word in re.findall(r"[^\W\d_]{2,}", patterns)
        )
        for name in _LANGUAGES
    }


def label_ticks(line: str) -> str:
    """Write a row of ticks as labels, a line each: `✔ kids ✔ dogs ❌ cats`, `Kids ✅ Cats ❌`."""
    first, *parts = _TICK.split(line)
    ticks, words = parts[::2], parts[1::2]
    if len(ticks) < 2:
        return line
    lines = [first]
    if not any(map(str.isalnum, words[-1])):  # each stands behind its words
        lines, words = [], [first, *words[:-1]]
    for tick, label in zip(ticks, words, strict=True):
        lines.append(f"{label.strip(' .,;:')}: {'❌' if tick in '❌✗✘✖🚫' else '✅'}")
    return "\n".join(lines)


def split_words(sentence: str) -> list[tuple[str, int, int]]:
    """Split a sentence into its words in plain letters, each with its start and end."""
    return [
        (_plain_word(match[0]), match.start(), match.end())
        for match in _TOKEN.finditer(sentence)
        if match[0] not in "-\u2010\u2011" or not sentence[match.end() : match.end() + 1].isalnum()
    ]


def _plain_word(word: str) -> str:
    if (lower := word.lower()) == "sí":  # Spanish: yes, where `si` is if
        return lower
    return re.sub("['\u2019]", "", plain_letters(word)) or word


def _part(word: str, lexicon: Lexicon) -> str:
    """The word, or the part of a compound that the lexicon knows."""
    if (word,) in lexicon.phrases or (parts := _COMPOUND.fullmatch(word)) is None:
        return word
    first, second = parts.groups()
    of_first = lexicon.phrases.get((first,), frozenset())
    if of_first and not any(part == "member" for part, _ in of_first):  # no `Katzendame`
        return first
    return second if (second,) in lexicon.phrases else word


def _numbered(words: tuple[str, ...]) -> tuple[str, ...]:
    """Those words as the lexicon writes them: `#` stands for any number."""
    return tuple("#" if word.isdigit() else word for word in words)


@lru_cache(maxsize=16_384)
def species_of_breed(word: str) -> str:
    """The species of a breed with that one word as its name, singular or plural; "" for none."""
    for name in (word, *(word.removesuffix(end) for end in _PLURALS if word.endswith(end))):
        for species in breeds_named(name) if len(name) > _SHORTEST_BREED else ():
            if species in {attributes.DOG, attributes.CAT}:
                return species
    return ""


def cut_phrases(words: list[tuple[str, int, int]], lexicon: Lexicon) -> list[Phrase]:
    """Cut a sentence into phrases, the longest that mean something first."""
    words = [one for one in words if one[0] not in lexicon.ignored]
    texts = [_part(one[0], lexicon) for one in words]
    found, place = [], 0
    while place < len(words):
        first = texts[place]
        most = max(lexicon.longest.get(one, 1) for one in (first, *_numbered((first,))))
        most = min(most, len(words) - place)
        for count in range(most, 0, -1):
            key = tuple(texts[place : place + count])
            meanings = lexicon.phrases.get(key) or lexicon.phrases.get(_numbered(key))
            if meanings is not None or count == 1:
                break
        start, end = words[place][1], words[place + count - 1][2]
        found.append(Phrase(" ".join(key), start, end, meanings or frozenset()))
        place += count
    return found


def recognise_language(words: list[tuple[str, int, int]], usual: str = "") -> str:
    """Return the language whose lexicon has most of the words; `usual` unless that is clear."""
    texts = {one[0] for one in words}
    shares = {name: len(texts & common) for name, common in _common_words().items()}
    best = max(_LANGUAGES, key=shares.__getitem__)
    return usual if usual and (shares[best] <= shares[usual] or shares[best] < 3) else best
