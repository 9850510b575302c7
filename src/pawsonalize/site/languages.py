"""Words of the adoption site, the embed and the mails: one file of messages for each language.

Whoever visits is spoken to in the first language that is there: the `?lang=` of the address, the
one that was chosen before, those of the browser. The language of the page that is being made is a
context variable: a message may be needed far below the request, in a card's distance.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files

import msgspec
from markupsafe import Markup

from pawsonalize.core.errors import InvalidInput
from pawsonalize.recommend.reasons import IN_ENGLISH, Reason, WordChoice

ENGLISH = "en"
_MESSAGES = files("pawsonalize.site").joinpath("messages")
_WISH = re.compile(r"([a-z]{2,3}(?:-[a-z\d]{2,8})*)\s*(?:;\s*q=([\d.]{1,5}))?", re.IGNORECASE)
_MOST_CHARS = 200  # of a header that anybody may send
_EITHER = re.compile(r", | or ")
_MILE_KM = 1.609344
_IN_MILES = frozenset({"en-US", "en-GB"})


class Language(msgspec.Struct, frozen=True):
    """Messages in one language, by `section.name`; see `WordChoice` for their forms."""

    tag: str
    """Such as `de` or `en-US`."""
    messages: Mapping[str, str]

    def text(self, key: str, count: int | None = None, **values: object) -> Markup:
        """Return a message with its values, which are escaped; `count` is its value `n`."""
        message = Markup(self.messages[key])  # noqa: S704 - the messages are ours
        return message.format(**self._counted(count), **values)

    def plain(self, key: str, count: int | None = None, **values: object) -> str:
        """Return the same for mails and for templates that escape it: its values as they are."""
        return self.messages[key].format(**self._counted(count), **values)

    def _counted(self, count: int | None) -> dict[str, WordChoice]:
        return {} if count is None else {"n": WordChoice(self.number(count))}

    def value(self, word: str) -> str:
        """Return the word for a value that is English elsewhere; one without a word stays."""
        if word.startswith("not ") and (known := self.messages.get(f"value.{word[4:]}")):
            return self.messages["reason.gives_up"].format(words=known)
        some = _EITHER.split(word)
        if len(some) > 1 and all(f"value.{one}" in self.messages for one in some):
            return self.listed(some, "or")
        return self.messages.get(f"value.{word}", word)

    def described(self, *words: str) -> str:
        """Return animals after what they are like, such as `small dogs` or `Hunde (klein)`."""
        *traits, animals = words
        likeness = self.messages["quiz.between"].join(traits)
        return self.plain("quiz.described", traits=likeness, animals=animals) if traits else animals

    def listed(self, words: Sequence[str], joined_by: str = "and") -> str:
        """Return values as one list in prose, such as `cats, dogs and kids`."""
        *most, last = map(self.value, words)
        return self.messages[f"layout.{joined_by}"].join(filter(None, (", ".join(most), last)))

    def number(self, count: int) -> str:
        """Return a whole number as people write it, such as `1.234` in German."""
        return f"{count:,}".replace(",", self.messages["date.thousands"])

    def section(self, name: str) -> dict[str, str]:
        """Return the messages of a section by their names in it."""
        start = f"{name}."
        return {k.removeprefix(start): v for k, v in self.messages.items() if k.startswith(start)}

    @property
    def unit(self) -> str:
        """The unit of distances, as browsers name it."""
        return "mile" if self.tag in _IN_MILES else "kilometer"

    def distance(self, kilometres: float) -> str:
        """Return a distance in whole kilometres or miles, such as `12 km`."""
        if self.unit == "mile":
            return f"{kilometres / _MILE_KM:.0f} mi"
        return f"{kilometres:.0f} km"

    def date(self, iso: str) -> str:
        """Return the day of ISO 8601 as people write it, such as `3. Mai 2026`."""
        year, month, day = map(int, iso[:10].split("-"))
        name = self.messages["date.months"].split()[month - 1]
        key = "date.day_in_us" if self.tag == "en-US" else "date.day"
        return self.text(key, year=year, month=name, day=day)


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that there are files of, by their primary tags."""
    names = (one.name for one in _MESSAGES.iterdir())
    return tuple(sorted(one.removesuffix(".toml") for one in names if one.endswith(".toml")))


@cache
def language(tag: str) -> Language:
    """Return the language of a tag that `choose` returned."""
    primary = tag.partition("-")[0]
    sections = tomllib.loads(_MESSAGES.joinpath(f"{primary}.toml").read_text("utf-8"))
    if primary == ENGLISH:
        sections["reason"] = IN_ENGLISH
    messages = {f"{name}.{key}": one for name in sections for key, one in sections[name].items()}
    return Language(tag, messages)


def choose(*wishes: str) -> str:
    """Return the tag of the first wished language that there is; each wish may name several.

    A wish is written as browsers write `Accept-Language`.
    """
    for wish in wishes:
        found = _WISH.findall(wish[:_MOST_CHARS])
        for tag, _weight in sorted(found, key=lambda one: -_number(one[1])):
            primary, _, rest = tag.partition("-")
            if primary.lower() in languages():
                region = rest.upper() if len(rest) == 2 else ""
                full = f"{primary.lower()}-{region}"
                return full if full in _IN_MILES else primary.lower()
    return ENGLISH


def check_language(tag: str) -> None:
    """Raise InvalidInput for a language that there are no messages of."""
    if tag.partition("-")[0] not in languages():
        some = ", ".join(languages())
        raise InvalidInput(f"language must be one of {some}, not {tag[:40]!r}", field="language")


def _number(weight: str) -> float:
    try:
        return float(weight or 1)
    except ValueError:
        return 0


def reason(why: Reason) -> str:
    """Return a reason for an animal's place as the page's language says it."""
    speaks = spoken()
    writers = {
        "km": speaks.distance,
        "kind": lambda words: speaks.described(*map(speaks.value, words)),
        "household": speaks.listed,
        "words": lambda words: speaks.listed(
            [speaks.plain("alerts.written", text=speaks.value(word)) for word in words]
        ),
    }
    return why.in_words(speaks.messages[f"reason.{why.code}"], writers)


_SPOKEN: ContextVar[str] = ContextVar("language", default=ENGLISH)


def speak(tag: str) -> None:
    """Make the page that is being answered of this language."""
    _SPOKEN.set(tag)


@contextmanager
def speaking(tag: str) -> Iterator[Language]:
    """Speak a language for the time of a message."""
    before = _SPOKEN.set(tag)
    try:
        yield language(tag)
    finally:
        _SPOKEN.reset(before)


def spoken() -> Language:
    """Return the language of the page that is being answered; English outside of pages."""
    return language(_SPOKEN.get())


@cache
def language_names() -> list[tuple[str, str]]:
    """Return the tags of all languages, with the name that each has for itself."""
    return [(tag, language(tag).messages["layout.name"]) for tag in languages()]


def value(word: str) -> str:
    """Return the word of the page's language for a value; see `Language.value`."""
    return spoken().value(word)


def script_texts() -> str:
    """Return what the pages' script says, as JSON."""
    return msgspec.json.encode(spoken().section("script")).decode()


def text(key: str, count: int | None = None, **values: object) -> Markup:
    """Return a message of the page's language; see `Language.text`."""
    return spoken().text(key, count, **values)
