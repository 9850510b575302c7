"""What a shelter states of an animal in its description: facts, each with its sentence.

Phrases of the lexicon (`statements/`) are found in each sentence, and read in one pass
(`written_sentence.py`). Of what contradicts itself the safe reading counts: a *no* beats a
condition, and that a *yes*.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pawsonalize.animals.written_phrases import (
    CONDITION,
    NO,
    YES,
    cut_phrases,
    label_ticks,
    load_lexicon,
    recognise_language,
    split_words,
)
from pawsonalize.animals.written_sentence import (
    HOUSEHOLD,
    MOODS,
    VALUED,
    Sentence,
)

TRAITS = (
    *HOUSEHOLD,
    *(
        "only_pet",
        "house_trained",
        "crate_trained",
        "apartment",
        "fenced_yard",
        "calm",
        "energetic",
    ),
    *("cuddly", "shy", "sheds_little", "special_needs", "deaf", "blind", "three_legs", "fiv"),
    *("felv", "heartworm", "declawed", "altered", "bonded", "returned", "pattern", "coat"),
)
"""What is read. `pattern` and `coat` have values, the others an answer."""
_NEEDS_CARE = ("deaf", "blind", "three_legs", "fiv", "felv", "heartworm")
_MOST_LETTERS = 8_000  # of a description; hardly any is longer
_LONGEST_SENTENCE = 240  # letters that are shown
_MARKUP = re.compile(r"<[^<>]{0,400}>|&[a-z#0-9]{1,8};|[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\ufeff]")
_BREAK = re.compile(
    r"(?<=[.!…])[\"')]*\s+|(?<=\?)\s+(?!(?:yes|no|nope|yep|s[ií]|ja|nein|unknown|not sure)\b)"
    r"|[\n\r|•·;▪●★]+|\s\*\s",
    re.IGNORECASE,
)
_LABEL = re.compile(  # `Cats? She loves them.`
    r"(?:^|(?<=[.!?]\s)|(?<=\n))¿?(?!(?:is|are|do(?:es)?|can|who|what|why|how|love|like|want|need|got|have|ever|ready"
    r"|looking|interested|would|could|will|ist|kann|hat|wer|was|suchst|es|se|tiene|buscas|quieres)\b)"
    r"((?:(?:[^\W\d_]+ ){1,2}(?:with|con|mit) )?[^\W\d_]+(?:[ -][^\W\d_]+)?)\?\s+(?=\w)",
    re.IGNORECASE,
)
_NEXT_LABEL = re.compile(  # `Dogs: yes, cats: no`
    r"[,;/]\s+(?=(?!(?:and|or|und|oder|y|o)\b)"
    r"(?:[^\W\d_]+[ -]){0,2}[^\W\d_]+\s?(?::|\s[-\u2013=])\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a description states about one trait."""

    trait: str
    answer: str
    """`yes`, `no` or `condition`; of pattern and coat the value."""
    sentence: str
    """The sentence that states it, as its shelter wrote it."""
    condition: str = ""
    """The words of the condition: "kids over 12"."""
    verdict: str = ""
    """`confirmed` or `rejected` by its shelter; what is rejected counts nowhere."""


WrittenFacts = Mapping[str, Statement]
"""Statements by trait."""


@lru_cache(maxsize=16_384)
def read_written(description: str, species: str = "") -> WrittenFacts:
    """Read the statements of a description, by trait; of its first 8,000 letters."""
    text = _MARKUP.sub(" ", description[:_MOST_LETTERS])
    text = "\n".join(map(label_ticks, text.splitlines()))
    text = _NEXT_LABEL.sub("\n", _LABEL.sub(r"\1: ", text))
    usual = recognise_language(split_words(text))
    found: dict[str, Statement] = {}
    for sentence in filter(None, map(str.strip, _BREAK.split(text))):
        words = split_words(sentence)
        lexicon = load_lexicon(recognise_language(words, usual), TRAITS)
        reading = Sentence(sentence, cut_phrases(words, lexicon), species)
        if sentence.endswith("?"):
            continue
        reading.read()
        shown = sentence[:_LONGEST_SENTENCE]
        for trait, answer, condition in _with_care(reading.found):
            statement = Statement(trait, answer, shown, condition)
            if trait not in found:
                found[trait] = statement
            elif found[trait].answer != answer or not _AGE.search(found[trait].condition):
                found[trait] = _safer(trait, found[trait], statement)
    return {trait: one for trait, one in found.items() if one.answer}


def _with_care(found: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    for trait, answer, condition in found:
        yield trait, answer, condition
        if trait in _NEEDS_CARE and answer == YES:
            yield "special_needs", YES, ""
        if (trait, answer) == ("only_pet", YES):  # with its own sentence, so that it is shown
            yield "good_with_dogs", NO, ""
            yield "good_with_cats", NO, ""


_AGE = re.compile(r"\d|teen|jugend|adolesc|adult|erwachs", re.IGNORECASE)
_SAFE_IS_NO = frozenset({*HOUSEHOLD, "house_trained", "apartment", "sheds_little", "bonded"})


def _safer(trait: str, first: Statement, second: Statement) -> Statement:
    """Of statements that contradict each other the safe one; none where neither is."""
    if trait in VALUED or not first.answer:
        return first
    if first.answer == second.answer:
        return second if _AGE.search(second.condition) else first  # says more than `no toddlers`
    order = (NO, CONDITION, YES) if trait in _SAFE_IS_NO else (YES, CONDITION, NO)
    if trait in MOODS:
        return Statement(trait, "", "")
    return min(first, second, key=lambda one: order.index(one.answer))
