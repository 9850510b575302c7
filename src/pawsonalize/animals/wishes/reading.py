"""One pass through the phrases of a wish.

A word of negation holds for what follows it, on through `or` and through lists of one kind ("no
husky or malamute"), until something else comes. After words such as "good with" and "we have", cats
and dogs are members of a household. Children always are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import inf

from pawsonalize.animals.wishes.bounds import FACTORS, WishedBound, number_in, read_bound
from pawsonalize.animals.wishes.lexicon import SENTENCE_ENDS, Phrase, phrases_in, words_of_text
from pawsonalize.animals.wishes.rules import Rule, is_hard
from pawsonalize.core import attributes
from pawsonalize.core.attributes import BABY, EXTRA_LARGE, LARGE, YOUNG
from pawsonalize.core.breed_spelling import plain_letters

UNITED = ("species", "breed", "size", "age", "sex")
"""Attributes of which any of several values fits."""
_ATTRIBUTES = (*UNITED, "colour", "coat", "flag", "trait")
_OPPOSITES = {"purebred": "mixed", "sheds": "sheds_little", "healthy": "special_needs"}
_OPPOSITES |= {f"no_{one}": one for one in ("fiv", "felv", "heartworm")}
_LISTED = ("species", "breed", "size", "colour", "health")  # lists that `and` and commas go on
_OPTIONAL = ("size", "age", "sex", "colour", "coat", "mixed", "altered", "bonded", "returned")
_HEALTH = ("deaf", "blind", "three_legs", "fiv", "felv", "heartworm", "special_needs")
_MEMBERS_APART = ("size", "age", "sex", "colour", "number", "coat", "trait", "unit", "flag")
_SAYING_MORE = ("colour", "size", "age", "coat", "trait")  # of an animal, after its species
_MEMBER = "member"
_MODES = frozenset({"with", "have", "lost", "friend_for"})
_SPECIES = {"cats": attributes.CAT, "dogs": attributes.DOG}
_PETS = frozenset(_SPECIES.values())
_HOMES = frozenset({"garden", "apartment"})
_GARDEN = frozenset({"garden"})
_ANY = frozenset({"any", "every", "all"})
_ARTICLE = 3  # letters of words that a list may have between its members
_AHEAD = 7  # phrases in which a member of the household may follow
_YES = frozenset({"yes"})
_NOTHING = Phrase("", 0, 0, frozenset())
_END = Phrase(".", 0, 0, frozenset())
_OLDEST_CHILD = 17  # years
_POSTCODE = re.compile(r"\d{4,5}")


@dataclass
class WishReading:
    """A text that is read once, phrase by phrase; its fields are what has been read so far."""

    text: str
    at: int
    places: frozenset[str]
    rules: list[Rule] = field(default_factory=list)
    evidence: list[Rule] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    mode: str = ""
    """`with` and `have` make cats and dogs members of a household, `lost` of the past."""
    negated: bool = False
    begun: int | None = None
    """Place of the word of negation."""
    is_of_words: bool = False
    """The negation is of what an animal is like: `not a lap cat`, but `no cats`."""
    youngest: float = inf
    """Age of the youngest child in months, if it is told."""
    listed: str = ""
    """Part of what was negated last, in a list that may go on."""
    is_or: bool = False
    is_joined: bool = False
    """A comma or a conjunction came last."""
    has_child: bool = False
    """The last member was a child."""
    companions: frozenset[str] = frozenset()
    """Species of the household of which one more is wanted: `a friend for our cat`."""
    is_for_companion: bool = False
    """The members that follow, up to a comma, want one of their own species."""

    def read(self) -> None:
        """Read the text."""
        self.phrases = list(phrases_in(words_of_text(self.text)))
        place = 0
        while place < len(self.phrases):
            place += self._bound(place) or self._place(place) or self._phrase(place)
        if self.companions and not any(one.name in {"species", "breed"} for one in self.rules):
            self.rules.append(Rule("species", self.companions, words="friend"))
        if self.youngest < inf:
            kids = {"kids": self.youngest}
            self.rules = [replace(o, most=kids.get(o.name, o.most)) for o in self.rules]

    def _phrase(self, place: int) -> int:
        phrase = self.phrases[place]
        is_averse = self.negated and not self.listed  # but not in `no kids, no other pets`
        if phrase.does("named") and self.phrases[place + 1 : place + 2]:
            self._add_word(self.phrases[place + 1])
            return 2
        if self._turn(phrase, place):
            return 1
        if self._is_member(place):
            self._add_members(phrase)
            return 1 + (self._next_does(place, "friendly") or self._is_more_of_member(place + 1))
        if self.mode == "lost" or self._is_gone(place):
            self._add_lost(phrase)
        elif good_with := phrase.values("bad_with" if is_averse else "good_with"):
            self._add_good_with(good_with, phrase, place)
        elif self._member(place) or self._is_of_person(place):
            pass
        elif self._is_companion(place) or self._is_compared(place):
            self.rest.append(phrase.text)  # `our chickens`: of them records say nothing
        elif any(phrase.values(part) for part in _ATTRIBUTES):
            self._add_attributes(phrase, place)
        else:
            self._pass(phrase)
        return 1

    def _add_good_with(self, names: frozenset[str], phrase: Phrase, place: int) -> None:
        self.negated = False  # `never chases cats`
        for name in sorted(names):
            self._add("rules", Rule(name, _YES), phrase)
        if phrase.values("species"):  # `Familienhund`
            self._add_attributes(phrase, place)

    def _add_lost(self, phrase: Phrase) -> None:
        """Take what is said of an animal that is gone: one of its species is wanted, no second."""
        kinds = frozenset(one.partition("/")[0] for one in phrase.values("breed") if "/" in one)
        if kinds := phrase.values("species") or kinds:
            self.mode = ""
            self._add("rules", Rule("species", kinds), phrase)

    def _is_of_person(self, place: int) -> bool:
        """True for `older` in `we are an older couple`, `a dog for an older lady`."""
        for one in reversed(self.phrases[max(0, place - 3) : place]):
            if one.does("self") or (one.does("for") and self.rules):
                break
            if not one.does("filler"):
                return False
        else:
            return False
        here = self.phrases[place : place + 4]
        named = any(one.values("species") or one.values("breed") for one in here)
        # Active people want active animals.
        return not (named or here[0].values("trait"))

    def _pass(self, phrase: Phrase) -> None:
        """Take a word that is none of these: it ends a list, or is left to search."""
        if phrase.does("mixed") and self.negated:
            self._add("rules", Rule("mixed"), phrase)  # `no mixes`
            self.negated = False
        elif phrase.does("rest") or (phrase.is_unknown and phrase.text.isalpha()):
            self._add_word(phrase)
        elif len(phrase.text) > _ARTICLE and not phrase.does("absent"):
            self.listed = ""
            if self.has_child:
                self.mode = ""  # `our son dreams of a dog`

    def _turn(self, phrase: Phrase, place: int) -> bool:
        """Take a word that says how others are meant; False if it is none."""
        before = self.phrases[max(0, place - 2) : place]
        excepts = phrase.does("but") and any(one.text in _ANY for one in before)
        if phrase.text in SENTENCE_ENDS or (phrase.does("but") and not excepts):
            self._end_part(phrase, place)
        elif phrase.does("seek"):
            self.mode = self.listed = ""  # `we have a cat and want a dog`
            self.is_of_words = False  # `I do not want big dogs`
        elif phrase.does("optional"):
            self._withdraw(place)
        elif phrase.text == ",":
            self.negated, self.is_joined, self.is_for_companion = False, True, False
            is_list = self._is_list(place)
            if is_list and self.listed == _MEMBER:
                self.mode = "have"  # `no kids, two cats`
            self.mode = self.mode if is_list else ""
        elif phrase.does("or") or phrase.does("and"):
            self.is_or, self.is_joined = phrase.does("or"), True
            self.negated |= self.is_or and bool(self.listed)
        elif phrase.does("not") or excepts:  # `any dog but a husky`
            self.mode = self.mode if self.phrases[place - 1].does("but") else ""
            self.negated, self.begun, self.listed = True, phrase.start, ""
            self.is_of_words = phrase.does("adverb")
        elif (mode := phrase.values("function") & _MODES) and not phrase.values("trait"):
            goes_on = self.is_for_companion and "have" in mode  # `a friend for our cat`
            self.is_for_companion = goes_on or phrase.does("friend_for")
            self.mode = "have" if self.is_for_companion else min(mode)
        elif phrase.does("for") and any(one.name in {"species", "breed"} for one in self.rules):
            self.mode = "have"  # `a kitten for our dog`, but not `looking for a dog`
        else:
            return False
        return True

    def _withdraw(self, place: int) -> None:
        """Take back what was said last: `deaf dogs welcome`, but not `one that is fine`."""
        after = self.phrases[place + 1 : place + 2]
        is_last = not after or not after[0].text[0].isalnum()
        last = [one.name for one in self.rules if one.name in _OPTIONAL + _HEALTH][-1:]
        gone = _HEALTH if set(last) <= set(_HEALTH) else last  # `blind or deaf cat welcome`
        if is_last and not (place and self.phrases[place - 1].does("relative")):
            self.negated, self.rules = False, [o for o in self.rules if o.name not in gone]

    def _end_part(self, phrase: Phrase, place: int) -> None:
        is_of_member = bool(self.phrases[place - 1].values(_MEMBER))
        if phrase.does("but") and self.listed == _MEMBER:
            self.mode = "have"  # `no kids but two cats`
        elif not (phrase.does("but") and is_of_member and self._next_does(place, "not")):
            self.mode = ""  # else `good with cats but not dogs`
        self.negated, self.listed, self.is_or, self.is_for_companion = False, "", False, False

    def _next_does(self, place: int, function: str) -> bool:
        rest = [one for one in self.phrases[place + 1 : place + 3] if one.text != "-"]
        return bool(rest) and rest[0].does(function)

    def _is_member(self, place: int) -> bool:
        phrase = self.phrases[place]
        members = phrase.values("member")
        if not members:
            return self.mode == "have" and bool(phrase.values("breed")) and not self._member(place)
        if self.mode == "lost" or self._is_gone(place):
            return False
        is_child = "kids" in members and not phrase.values("age")
        return is_child or bool(self.mode) or self._is_at_home(place)

    def _is_list(self, place: int) -> bool:
        """True before `a dog`, as in `we have kids, a dog and a cat`, and in `with cats, dogs`."""
        first, then, last = [*self.phrases[place + 1 : place + 4], *[_NOTHING] * 3][:3]
        if self.mode != "with":
            is_one = first.text in {"a", "an"} or number_in(first) is not None
            return is_one and bool(then.values(_MEMBER))
        is_more = bool(last.values(_MEMBER)) and (then.text == "," or then.does("and"))
        is_member = bool(first.values(_MEMBER)) and not first.values("age")
        return is_member and (is_more or first.text.endswith("s"))

    def _is_gone(self, place: int) -> bool:
        """True for the dog in `our dog died`: another one is wanted."""
        return any(one.does("gone") for one in self.phrases[place + 1 : place + 3])

    def _is_companion(self, place: int) -> bool:
        """True for an animal of the household of which records say nothing: `our chickens`."""
        others = self.phrases[place].values("species") - _PETS
        return bool(self.mode and others) and not self._is_gone(place)

    def _is_at_home(self, place: int) -> bool:
        return self._next_does(place, "friendly") or self._next_does(place, "absent")

    def _is_compared(self, place: int) -> bool:
        """True for a breed of unknown size in `nothing bigger than a lundehund`."""
        before = [one for one in self.phrases[max(0, place - 2) : place] if len(one.text) > 1][-1:]
        compares = any(one.does("under") or one.does("over") for one in before)
        return compares and bool(self.phrases[place].values("breed"))

    def _is_more_of_member(self, place: int) -> bool:
        """True for `children small`, but not in `kids, small dog`."""
        here, after = [*self.phrases[place : place + 2], _NOTHING, _NOTHING][:2]
        is_more = bool(here.values("size") or here.values("age"))
        return is_more and not (after.values("species") or after.values("breed"))

    def _member(self, place: int) -> int:
        """The place of the member of which this word says more: `small children`; 0 if none."""
        for here in range(place + 1, min(place + _AHEAD, len(self.phrases))):
            phrase = self.phrases[here]
            is_animal = phrase.values("breed") or phrase.values("species")
            if phrase.values("member") or (self.mode == "have" and is_animal):
                return here if self.mode or self._is_at_home(here) else 0
            more = any(phrase.values(part) for part in _MEMBERS_APART) or number_in(phrase)
            if phrase.does("seek"):
                return 0  # `we have a lab and want a dog`
            if not more and not phrase.does("filler") and not phrase.does("and"):
                return 0
        return 0

    def _add_members(self, phrase: Phrase) -> None:
        names = phrase.values("member") or {
            {attributes.CAT: "cats", attributes.DOG: "dogs"}.get(one.partition("/")[0], "")
            for one in phrase.values("breed")
        }
        self.listed = _MEMBER if self.negated else ""
        self.has_child = "kids" in names
        if self.is_for_companion:
            self.companions = frozenset(_SPECIES[one] for one in names if one in _SPECIES)
            self.is_for_companion = False
        if not self.negated:  # `no kids` asks for nothing
            ages = [12 * float(one) for one in phrase.values("kids_age")]
            self.youngest = min([self.youngest, *ages])
            self.rules += [Rule(name, _YES, words=phrase.text) for name in sorted(names) if name]

    def _numbers_before(self, place: int) -> Iterator[float]:
        for one in reversed(self.phrases[:place]):
            if (number := number_in(one)) is not None:
                yield number
            elif not (one.does("and") or one.text == ","):
                return

    def _parts_of(self, phrase: Phrase) -> list[str]:
        parts = [part for part in _ATTRIBUTES if phrase.values(part)]
        if "breed" in parts and "colour" in parts:  # `lab or golden`, but a golden cat
            names = [one.name for one in self.rules if one.name not in {"species", "age"}]
            parts.remove("colour" if names[-1:] == ["breed"] else "breed")
        if "age" in parts and "species" in parts:
            is_known = any(one.name == "species" for one in self.rules) and not self.is_joined
            if self.negated or self.listed == "age" or is_known:
                parts.remove("species")  # who wants no puppy may want a dog
        return parts

    def _add_attributes(self, phrase: Phrase, place: int) -> None:
        parts = self._parts_of(phrase)
        if self._is_limited(parts, phrase, place) or self._is_of_household(parts, phrase):
            return
        if not phrase.values("trait") & _HOMES:  # `we have a yard, two kids and a cat`
            self.mode = ""
        was_negated, is_or = self.negated, self.is_or
        for part in parts:
            is_kind = part == "species" and {"trait", "flag"} & {*parts}  # `no lap cat`
            self.negated = was_negated and not is_kind
            kind = "health" if phrase.values(part) <= {*_HEALTH} else part
            self.negated |= kind == self.listed and kind in _LISTED
            self._add_values(part, phrase, is_or)
            if self.negated:
                self.listed = kind
        if not (was_negated or self.negated):
            self.listed = ""
        self.negated, self.begun, self.is_or, self.is_joined = False, None, False, False

    def _is_of_household(self, parts: list[str], phrase: Phrase) -> bool:
        """True for the second in `a cat that likes no cats`; it asks for nothing."""
        kinds = [one.values for one in self.rules if one.name == "species" and not one.negated]
        wanted = frozenset[str]().union(*kinds)
        if not self.negated or parts != ["species"] or not phrase.values("species") <= wanted:
            return False
        self.negated, self.listed = False, _MEMBER
        return True

    def _add_values(self, part: str, phrase: Phrase, is_or: bool) -> None:
        values = phrase.values(part)
        if part == "trait" and values == _GARDEN and self.negated:
            self._add("rules", Rule("fenced_yard"), phrase)  # who has none
            return
        if part == "trait" and not any(is_hard(one, self.negated) for one in values):
            self._add("evidence", Rule("trait", values), phrase)
            return
        if part == "size" and values == {LARGE}:
            if not self.negated:
                self._add("evidence", Rule("size", values), phrase)  # the giant ones come later
            values |= {EXTRA_LARGE}
        if part == "age" and values == {YOUNG} and self.negated:
            values |= {BABY}  # who is too young is a puppy first of all
        # A torbie is a tabby and a tortoiseshell at once.
        is_both = part == "flag" or (part == "colour" and not self.negated)
        for each in [frozenset({one}) for one in sorted(values)] if is_both else [values]:
            self.is_or = is_or
            self._add("rules", Rule(part, each) if part != "flag" else Rule(min(each)), phrase)

    def _is_limited(self, parts: list[str], phrase: Phrase, place: int) -> bool:
        """True for the cat in `pas de chat noir`, `no cat that scratches`, `no cat over 5`."""
        bound = read_bound(self.phrases, place + 1) if self.negated else None
        is_limited = bound is not None and (bound.under or bound.over)
        if parts != ["species"]:
            return is_limited and parts == ["age"]  # `no puppies under 10 weeks`
        if self.listed and self.phrases[place - 1].values(self.listed):
            return not self.is_of_words  # `no big dogs`, but `not big dog`
        after = [one for one in self.phrases[place + 1 : place + 4] if one.text != ","]
        if self.negated and after and not is_limited:
            is_named = any(one.values("species") or one.values("breed") for one in after[1:2])
            is_next = self.phrases[place + 1] == after[0] and not is_named
            says_more = any(after[0].values(one) for one in _SAYING_MORE)
            is_limited = after[0].does("relative") or (is_next and says_more)
        if is_limited:  # others of the species may well be meant
            self.evidence.append(Rule("species", phrase.values("species"), words=phrase.text))
        return is_limited

    def _add(self, kind: str, rule: Rule, phrase: Phrase) -> None:
        words = self.text[phrase.start : phrase.end]
        if self.negated:
            words = f"no {words}" if self.begun is None else self.text[self.begun : phrase.end]
        name = _OPPOSITES.get(rule.name, rule.name)
        is_negated = self.negated != (name != rule.name)
        rule = Rule(name, rule.values or _YES, is_negated, words, at=self.at)
        found: list[Rule] = getattr(self, kind)
        if self.is_or and found and found[-1].name == rule.name == "colour" and not rule.negated:
            rule = replace(rule, values=rule.values | found.pop().values)
        if rule not in found:
            found.append(rule)

    def _add_word(self, phrase: Phrase) -> None:
        self.mode = ""
        if self.negated:
            self._add("evidence", Rule("word", frozenset({phrase.text})), phrase)
        else:
            self.rest.append(self.text[phrase.start : phrase.end])
        self.negated, self.listed = False, "word" if self.negated else ""

    def _bound(self, place: int) -> int:
        """Read a number with its unit and its bounds; the count of phrases, 0 if there is none."""
        bound = read_bound(self.phrases, place)
        if bound is None:
            return self._age_of_child(place)
        words = self._words(place, bound.end - 1)
        is_ours = self._is_our_child(bound)
        if is_ours:  # `we have a 2 year old`
            self.rules.append(Rule("kids", _YES, words=words))
        if is_ours or (bound.name == "months" and self._is_of_member(place, bound.end)):
            listed = [*bound.numbers, *self._numbers_before(place)]  # `5 and 8 years`
            self.youngest = min(self.youngest, min(listed) * FACTORS.get(bound.unit, 1.0))
            return bound.end - place
        if bound.name == "place" and not (bound.under or bound.over):
            return bound.end - place  # `runs 10 miles`
        least, most = (None, None) if bound.sizes else bound.limits()
        values = bound.chosen_sizes() if bound.sizes else frozenset[str]()
        self.rules.append(Rule(bound.name, values, self.negated, words, least, most, self.at))
        self.negated = False
        return bound.end - place

    def _words(self, first: int, last: int) -> str:
        """The visitor's words from the negation, if there is one, or a phrase to another."""
        begun = self.begun if self.negated else None
        start = self.phrases[first].start if begun is None else begun
        return self.text[start : self.phrases[last].end]

    def _age_of_child(self, place: int) -> int:
        """Read an age without its unit, `our kids are 3 and 5`; the count of phrases, or 0."""
        age, after = number_in(self.phrases[place]), [*self.phrases[place + 1 : place + 2], _END][0]
        is_last = after.does("and") or not after.text[0].isalnum()
        if age is None or age > _OLDEST_CHILD or not is_last or not self._is_behind_child(place):
            return 0
        self.youngest = min(self.youngest, 12 * age)
        return 1

    def _is_our_child(self, bound: WishedBound) -> bool:
        """True for `our 5 year old`, of which no word says that it is an animal."""
        is_age = bound.name == "months" and self.phrases[bound.end - 1].text.endswith(" old")
        after = self.phrases[bound.end : bound.end + 3]
        named = any(one.values(part) for one in after for part in ("species", "breed", _MEMBER))
        return is_age and self.mode == "have" and not named and max(bound.numbers) < _OLDEST_CHILD

    def _is_of_member(self, place: int, end: int) -> bool:
        """True if the age is one of the household: `kids (5 and 8 years)`, `our 4 year old son`."""
        if (self.mode and self._member(end - 1)) or any(
            "kids" in one.values("member") for one in self.phrases[end : end + 1]
        ):
            return True
        return self._is_behind_child(place)

    def _is_behind_child(self, place: int) -> bool:
        """True if nothing but numbers and small words stand between a child and this place."""
        for one in reversed(self.phrases[:place]):
            if "kids" in one.values("member") and not one.values("age"):
                return True
            is_between = any(map(one.does, ("filler", "and", "have"))) or one.text in {
                "(",
                ",",
                ":",
            }
            if not is_between and number_in(one) is None and not one.values("about"):
                return False
        return False

    def _place(self, place: int) -> int:
        """Read a place or a postcode; the count of phrases, 0 if there is none."""
        phrase = self.phrases[place]
        if _POSTCODE.fullmatch(phrase.text):
            return self._add_place(place, place, place + 1)
        near = phrase.does("near")
        if not near and not phrase.does("in") and not phrase.does("of"):
            return 0
        start = here = place + 1
        while here < min(len(self.phrases), start + 4):
            one = self.phrases[here]
            if (
                one.meanings and not (near and one.does("filler") and here > start)
            ) or not one.text[0].isalnum():
                break
            here += 1
        for end in range(here, start, -1):
            name = " ".join(one.text for one in self.phrases[start:end])
            if near or name in self.places or _POSTCODE.fullmatch(name):
                return self._add_place(place, start, end)
        return 0

    def _add_place(self, place: int, start: int, end: int) -> int:
        first, last = self.phrases[start], self.phrases[end - 1]
        name = plain_letters(self.text[first.start : last.end])
        words = self._words(place, end - 1)
        if self.rules and self.rules[-1].name == "place" and not self.rules[-1].values:
            bound = self.rules.pop()  # `within 20 km of San José`
            words = f"{bound.words} {words}"
            rule = replace(bound, values=frozenset({name}), words=words)
        else:
            rule = Rule("place", frozenset({name}), self.negated, words, at=self.at)
        self.negated = False
        self.rules.append(rule)
        return end - place
