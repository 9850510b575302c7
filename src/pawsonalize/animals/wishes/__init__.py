"""Wishes: "calm dog for kids, not too big" becomes rules, evidence and words left to meaning."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from pawsonalize.animals.wishes.lexicon import (
    Vocabulary,
    language_of,
    lexicon,
    mended_words,
    phrases_in,
    words_of_text,
)
from pawsonalize.animals.wishes.reading import UNITED, WishReading
from pawsonalize.animals.wishes.rules import Rule
from pawsonalize.core.breeds import BREED_WORDS

__all__ = ["Rule", "Wish", "read_wish"]

_MOST_LETTERS = 500  # of a text; what is longer is no wish
_ENDINGS = "denry"  # `healthy` is no `health`
_SHORT = 4  # letters: of such words too many are alike


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish that was read."""

    text: str
    rules: tuple[Rule, ...] = ()
    """Rules that must hold. An animal that does not fit one is not what was meant."""
    evidence: tuple[Rule, ...] = ()
    """Soft words that have a meaning: whoever fits comes first, nobody is excluded."""
    rest: str = ""
    """All other words, left to search by words and by meaning."""
    suggestion: str | None = None
    """The text without the typing errors that were mended; the wish is read from it."""

    @property
    def gist(self) -> str:
        """The words to be compared with descriptions by meaning: none that is negated."""
        positive = [one.words for one in self.evidence if not one.negated]
        return " ".join([*positive, self.rest]).strip()


def read_wish(
    text: str,
    at: int,
    vocabulary: Vocabulary | None = None,
    places: Collection[str] = (),
    *,
    as_written: bool = False,
) -> Wish:
    """Read a wish at a moment, in milliseconds since 1970.

    Typing errors are mended to words of the lexicon, of breeds and of the vocabulary's records,
    unless it is read `as_written`. `places` are names of places, as `words_in` spells them.
    """
    text = text[:_MOST_LETTERS]
    mended = None if as_written else _mend(text, vocabulary or Vocabulary({}))
    reading = WishReading(mended or text, at, frozenset(places))
    reading.read()
    rules, evidence = _united(reading.rules), tuple(reading.evidence)
    return Wish(text, tuple(rules), evidence, " ".join(reading.rest), mended)


def _mend(text: str, vocabulary: Vocabulary) -> str | None:
    parts, end = [], 0
    words = words_of_text(text)
    language = language_of(words)
    known, alone = mended_words(language), lexicon(language)  # `little`, but `litter trained`
    for phrase in phrases_in(words):
        word = phrase.text
        is_known = phrase.meanings or word in BREED_WORDS or vocabulary.has(word)
        if is_known or not word.isalpha():
            continue
        # Hardly anybody errs in the first letter, unless it changes places with the second.
        near = (one for one in known if one[0] == word[0] or one[1::-1] == word[:2])
        alike = {one: one in alone or one in BREED_WORDS for one in near}
        better = vocabulary.mend(word, alike) or ""
        is_alike = better in alike or better[:1] == word[0]
        is_turned = sorted(better) == sorted(word)
        is_likely = len(word) > _SHORT or len(better) > len(word) or is_turned
        is_form = better == f"{word}s" or word in {f"{better}{one}" for one in _ENDINGS}
        if is_alike and is_likely and not is_form:
            parts += [text[end : phrase.start], better]
            end = phrase.end
    return "".join([*parts, text[end:]]) if parts else None


def _united(rules: list[Rule]) -> list[Rule]:
    """One rule for all wanted values of an attribute; a breed of one species, or all of another."""
    found: dict[str, Rule] = {}
    others = []
    for rule in rules:
        if rule.negated or rule.name not in UNITED:
            others.append(rule)
        elif before := found.get(rule.name):
            words = f"{before.words}, {rule.words}"
            found[rule.name] = replace(before, values=before.values | rule.values, words=words)
        else:
            found[rule.name] = rule
    if (breed := found.get("breed")) and (species := found.get("species")):
        kinds = {one.partition("/")[0] for one in breed.values if "/" in one}
        more = species.values - kinds
        if kinds and more:  # `beagle or cat`
            values = breed.values | {f"{one}/*" for one in more}
            found["breed"] = replace(breed, values=values, words=f"{breed.words}, {species.words}")
            del found["species"]
    if len(found.get("sex", Rule("sex")).values) > 1:
        del found["sex"]  # `boy or girl`
    distinct = {replace(one, words=""): one for one in reversed([*found.values(), *others])}
    return list(distinct.values())[::-1]
