"""One sentence of a description, read phrase by phrase in one pass.

Words such as "good with" or "chases" hold for the children, dogs and cats that follow them, through
lists; a word of negation holds for what follows it, and at the end of a part ("con gatos no") for
what stands before. Where a sentence says that nobody knows, or speaks of another animal, nothing is
stated.
"""

from dataclasses import dataclass, field
from itertools import islice, takewhile

from pawsonalize.animals.written_phrases import CONDITION, NO, PAUSES, YES, Phrase, species_of_breed
from pawsonalize.animals.written_tests import read_tests
from pawsonalize.core import attributes

HOUSEHOLD = ("good_with_kids", "good_with_dogs", "good_with_cats")
"""Traits about whom an animal lives with."""
VALUED = ("pattern", "coat")
"""Traits that have values; all others have an answer."""
MOODS = frozenset({"calm", "energetic", "cuddly", "shy"})
"""Traits of character: of those that contradict each other, none is stated."""
_TRAINED = frozenset({"house_trained", "crate_trained"})


@dataclass
class _Mention:
    """A member of the household, or a kind of home, and what is said of it so far."""

    traits: list[str]
    place: int
    start: int
    end: int
    answer: str = ""
    is_conditional: bool = False
    is_limited: bool = False
    """A condition stands behind it."""
    is_denied: bool = False
    """A word of negation stands before it."""
    is_of_infants: bool = False
    """Of small children alone, so that a no is a condition."""
    is_history: bool = False
    is_carried: bool = False
    """The answer stands before a comma."""


def _breed_kept(phrase: Phrase) -> list[str]:
    """The trait that a breed of others speaks of: `lives with two lurchers`."""
    species = "" if phrase.meanings else species_of_breed(phrase.text)
    return [_OF_SPECIES[species]] if species else []


_LIMITED_BY_AGE = frozenset({"good_with_kids"})
_OF_SPECIES = {attributes.DOG: "good_with_dogs", attributes.CAT: "good_with_cats"}
_NOTHING = Phrase("", 0, 0, frozenset())
_RELATIONS = ("good", "loves", "lives", "bad", "verb", "with")
_STATED = ("yes", "no", "trait", "condition")
_OF_MEMBERS = frozenset({"good", "loves", "lives", "bad"})
_MOST_UNREAD = 2  # words without a meaning between what is said and the member
_ENDS = PAUSES | frozenset(".!?=-")
_ANDS = frozenset({"and", "y", "e", "und", "et"})
_AFTER_LABEL = (_ENDS | _ANDS) - {":", "-"}
_NEEDING = (["needs"], ["need"], ["requires"], ["necesita"], ["braucht"])
_DENYING = frozenset({"bad", "unknown"})
_WITHOUT = frozenset({"without", "sin", "ohne"})
_ONES = frozenset({"one", "ones"})
_WOULD = frozenset({"would", "may", "might", "could", "should"})
_DENIALS = frozenset({"not", "never", "wont", "cannot", "cant", "nicht", "nie", "no", "nunca"})
_POSSESSIVE = ("'s", "\u2019s")
_HOMES = (" home", " household")
_NEAR = 7  # phrases between what is said of a member and the member


@dataclass
class Sentence:
    """One sentence, read phrase by phrase; its fields are what has been read so far."""

    text: str
    phrases: list[Phrase]
    species: str
    found: list[tuple[str, str, str]] = field(default_factory=list)
    """Traits with their answers and conditions."""
    relation: str = ""
    """What holds for the members that follow: good, loves, lives, bad, unknown."""
    related_at: int = 0
    is_history: bool = False
    """It holds for what was: `was good with`."""
    has_verb: bool = False
    negated: bool = False
    negated_at: int = 0
    is_spent: bool = False
    """The word of negation has said something, and holds for a list alone."""
    is_other: bool = False
    is_past: bool = False
    is_outgrown: bool = False
    """What is bad was so `at first`, or is so on a leash alone."""
    has_subject: bool = False
    """It says `he` or `she`."""
    is_under: bool = False
    """A condition stands before what it holds for: `after a slow introduction`."""
    last: list[str] = field(default_factory=list)
    """Traits of the last member, for `them`."""
    began_at: int = 0
    """Where the clause began."""
    allowed: set[str] = field(default_factory=set)
    """Traits that it says yes to with a condition; of children alone."""
    said: list[int] = field(default_factory=list)
    """Places in `found` of what the last clause with members said of them."""
    mentions: list[_Mention] = field(default_factory=list)
    part: list[_Mention] = field(default_factory=list)
    """The mentions since the last comma."""

    def read(self) -> None:
        """Read the sentence; one that tells its reader what to say states nothing."""
        if self._is_order():
            return
        for place, phrase in enumerate(self.phrases):
            if not phrase.does("skip"):
                self._take(place, phrase)
        self._end_clause()
        ruled_out = {trait for trait, answer, _ in self.found if answer == NO}
        limits = {one[0]: one for one in self.found if one[1] == CONDITION and one[0] in ruled_out}
        if any(phrase.does("or") for phrase in self.phrases) or limits.keys() <= self.allowed:
            # `without children or with older ones`, `no small children, those over 10 yes`
            self.found = [limits.get(one[0], one) for one in self.found]
        self.found += [(trait, answer, "") for trait, answer in read_tests(self.phrases)]

    def _is_order(self) -> bool:
        """True if a part begins with words such as `say that`; `volunteers say that` is none."""
        return any(
            phrase.does("order") and (place == 0 or not self._at(place - 1).text[-1:].isalnum())
            for place, phrase in enumerate(self.phrases)
        )

    def _at(self, place: int) -> Phrase:
        return self.phrases[place] if 0 <= place < len(self.phrases) else _NOTHING

    def _take(self, place: int, phrase: Phrase) -> None:  # noqa: C901, PLR0912 - one arm a part
        if phrase.text in PAUSES:
            self._pause(place)
        elif phrase.does("but"):
            self._end_clause(place)
        elif members := self._members(phrase, place):
            self._meet(place, phrase, members)
        elif phrase.does("hedge"):
            self._doubt(place)
        elif phrase.does(*_RELATIONS):
            self._relate(place, phrase)
            if any(phrase.values(part) for part in _STATED):
                self._state(place, phrase)
        elif phrase.does("pre") and self._members(self._at(place + 1)):
            pass  # `cat-friendly dogs`
        elif phrase.values("mention"):
            self._add_mention(_Mention(phrase.values("mention"), place, phrase.start, phrase.end))
        elif any(phrase.values(part) for part in _STATED):
            self._state(place, phrase)
        elif any(phrase.values(part) for part in VALUED):
            self._value(phrase)
        elif phrase.does("same") and len(self.mentions) > len(self.part):
            self._resolve(self.mentions[-len(self.part) - 1].answer)  # `with cats neither`
        elif phrase.does("not"):
            kinds = {"good": YES, "loves": YES, "bad": NO}
            said = self.part[-1].answer if self.part else kinds.get(self.relation, "")
            if not (phrase.does("joint") and said in {YES, NO}):  # `no problems with dogs nor cats`
                self.negated, self.is_spent, self.negated_at = True, False, place
        elif self.is_spent and phrase.meanings and not phrase.does("joint", "pre", "fit"):
            self.negated = False
        self._note(place, phrase)

    def _note(self, place: int, phrase: Phrase) -> None:  # noqa: C901, PLR0912 - one arm a case
        """Take what a phrase says of those before it, and of all that follows."""
        self.has_subject |= phrase.does("self") and bool(self.part)
        if phrase.does("other"):
            is_subject = place - self.began_at <= 3 and not self.part and not self.relation
            if is_subject and not self._members(self._at(place + 1)):
                self.is_other = True
        self.is_past = phrase.does("past") or (self.is_past and not phrase.does("now"))
        self.is_outgrown |= phrase.does("first", "leash")
        self.is_under |= phrase.does("fore")
        if phrase.does("there"):  # `with the big dogs in our yard`
            for mention in self.part:
                mention.is_history = True
        if phrase.does("them") and self.relation in _OF_MEMBERS and self.last:
            answer = NO if self.relation == "bad" else YES
            self._add_mention(
                _Mention(self.last, place, phrase.start, phrase.end, answer, self.is_under)
            )
        if phrase.does("tested") and (self.negated or self.is_spent):
            self._doubt(place)
        if phrase.does("limit") and not self.mentions:
            for said in self.said:  # `He is good with dogs, but needs slow introductions`
                if self.found[said][1] == YES:
                    self.found[said] = (self.found[said][0], CONDITION, self.text)
        if (
            phrase.does("post", "limit", "fore")
            and self.part
            and self._is_about_last(place, phrase)
        ):
            mention = self.part[-1]
            words = self.text[mention.start : phrase.end + 4]
            # `barks at cats on walks` has no condition, `hates kids under 6` has.
            if (
                self.relation != "bad"
                or phrase.does("pre", "number")
                or any(map(str.isdigit, words))
            ):
                mention.is_conditional = mention.is_limited = True
                mention.end = max(mention.end, phrase.end)
        if phrase.does("bad_after") and not phrase.does("not"):
            if not self.part and self.last and {"los", "las", "them"} & {*phrase.text.split()}:
                self._add_mention(_Mention(self.last, place, phrase.start, phrase.end))
            if not self.part and self.relation != "unknown":
                self.relation = "bad"
            self._resolve(YES if self.negated else NO)
        elif phrase.does("fit", "yes", "home_fit") or (
            phrase.does("after") and not phrase.does(*_RELATIONS)
        ):
            answer = NO if self.negated and not self.is_spent else YES
            if phrase.does("home_fit"):
                self._resolve(answer, for_home=True)
            if not phrase.does("home_fit") or phrase.does("fit", "yes"):
                self._resolve(answer)

    def _is_about_last(self, place: int, phrase: Phrase) -> bool:
        """True if a condition is near enough to the last member to be of it."""
        after = self._at(place + 1)
        if phrase.does("good"):
            return False  # `no cats, and picky about dogs`
        between = self.phrases[self.part[-1].place : place]
        if self.part[-1].traits[0] not in HOUSEHOLD and any(one.text == "," for one in between):
            return False  # `ideal for a flat, outdoors he walks slowly`
        if phrase.does("number") and not (after.text[:1].isdigit() or after.does("numeral")):
            return False  # `kids climb all over him`
        reach = _NEAR
        if phrase.does("near"):  # `with dogs, and that`
            reach = 0 if self._at(place - 1).does("joint") else 2
        return place - self.part[-1].place <= reach

    def _members(self, phrase: Phrase, place: int = 0) -> list[str]:
        found = phrase.values("member")
        first = place
        while first and self._at(first - 1).does("pre"):
            first -= 1
        before = self._at(first - 1) if first else _NOTHING
        is_single = self.relation in {"good", "lives", "bad", "unknown"} or before.does("another")
        is_single |= self.relation == "loves" and before.does("numeral")  # `loves our old dog`
        # `Er hat mit einem Hund gelebt`
        after = takewhile(lambda one: one.text not in _ENDS, self.phrases[place + 1 : place + 6])
        is_single |= (
            before.does("filler")
            and self._at(first - 2).does("with")
            and any(one.does("fit", "after", "bad_after") for one in after)
        )
        # `A calm dog would be fine`
        is_single |= before.does("article") and self._is_would(place + 1)
        if self.text[: phrase.end].endswith(_POSSESSIVE):
            return []  # `my daughter's spare room`
        if not found and is_single:
            found = phrase.values("single") or _breed_kept(phrase)
        if "pets" in found:
            return ["good_with_dogs", "good_with_cats"]
        if "kin" in found:  # `Artgenossen`
            return [_OF_SPECIES[self.species]] if self.species in _OF_SPECIES else []
        return found

    def _pause(self, place: int) -> None:
        """End a part at a comma, unless a list goes on."""
        after = place + 1
        while self._at(after).does(
            "joint", "pre", "filler", "numeral", "article", "creature", "own"
        ) or (self._at(after).text.isdigit()):
            after += 1
        self._negate_before(place)
        if self.relation and self._at(place - 1).does("pre") and self._at(place + 1).does("pre"):
            return  # `with a calm, cat-friendly dog`
        if self._at(place).text in ":/()":
            self.negated &= bool(self.part) or self._at(place - 1).does("not")
            return
        is_list = bool(self._members(self._at(after))) and (
            bool(self.part)
            or (self._at(place - 1).does("creature") and self.relation in {"good", "loves"})
            or self._at(place + 1).text == "including"
            or self._at(after + 1).does("included")
        )
        is_open = any(not mention.answer for mention in self.part)
        answers = self._at(after).does("fit", "yes", "not", "bad_after", "hedge")
        if not is_list and not self._at(after).does("post") and not (is_open and answers):
            self._end_clause(place)
        elif is_list:
            self._answer_object()
            for mention in self.part:
                mention.is_carried = bool(mention.answer)
            self.part = [mention for mention in self.part if not mention.answer]

    def _negate_before(self, place: int) -> None:
        """Let a negation at the end of a part hold for what stands before: `con gatos no`."""
        near = self.phrases[max(0, place - 2) : place]
        if not (self.negated and not self.is_spent and self.part):
            return
        if any(phrase.does("not") for phrase in near):
            self._resolve(NO)
            self.is_spent = True

    def _end_clause(self, place: int | None = None) -> None:
        self._negate_before(len(self.phrases) if place is None else place)
        self._answer_object()
        if any(one.is_of_infants and one.answer == YES for one in self.mentions):
            for mention in self.mentions:  # `friendly with toddlers and teens`
                mention.is_conditional &= mention.traits[0] not in _LIMITED_BY_AGE
        if self.mentions:
            before = len(self.found)
            for mention in () if self.is_other else self.mentions:
                self._emit(mention)
            self.said = [*range(before, len(self.found))]
        self.began_at = 0 if place is None else place + 1
        self.mentions, self.part = [], []
        self.relation, self.has_verb, self.negated, self.is_spent = "", False, False, False
        self.is_other = self.is_past = self.is_outgrown = self.has_subject = False

    def _answer_object(self) -> None:
        """Answer for a member that stands before its verb: `Kids she adores`."""
        first = self.part[0] if len(self.part) == 1 else None
        if first is not None and first.place <= 1 and not first.answer and self.has_subject:
            first.answer = {"good": YES, "loves": YES, "bad": NO}.get(self.relation, "")

    def _emit(self, mention: _Mention) -> None:
        answer = mention.answer
        is_of_household = mention.traits[0] in HOUSEHOLD
        if not answer and mention.is_limited and is_of_household:
            answer = YES  # `Kids: 8+`
        if answer not in {YES, NO}:
            return
        mention.is_conditional |= self.is_outgrown and answer == NO and not mention.is_denied
        mention.is_conditional |= mention.is_of_infants and answer == NO
        has_conditions = is_of_household or "apartment" in mention.traits
        if mention.is_conditional and has_conditions and not mention.is_history:
            if answer == YES or any(map(str.isdigit, self.text[mention.start : mention.end])):
                self.allowed |= {*mention.traits} & _LIMITED_BY_AGE
            answer = CONDITION
        words = self.text[mention.start : mention.end] if answer == CONDITION else ""
        self.found += [(trait, answer, words) for trait in mention.traits]

    def _doubt(self, place: int) -> None:
        """Take that nobody knows: of those before it in this part, else of those that follow."""
        is_behind = bool(self.part) and self._at(place + 1).text in {"", *PAUSES}
        self.relation, self.negated = "" if is_behind else "unknown", False
        is_new = not is_behind and self._at(place - 1).text in _ANDS
        for mention in self.part:  # `good with dogs and has not been tested with cats`
            mention.answer = mention.answer if is_new and mention.answer else "unknown"

    def _relate(self, place: int, phrase: Phrase) -> None:
        names = phrase.values("grammar")
        name = next((one for one in ("bad", "good", "loves", "lives") if one in names), "")
        is_joined = "with" in names and self._at(place - 1).text in _ANDS
        is_without = self.phrases[self.related_at].text.split()[-1] in _WITHOUT
        if self.relation == "bad" and is_joined and is_without:
            name, self.relation = "good", ""  # `un hogar sin niños y con otro perro`
        self.has_verb |= "verb" in names
        if not name and "with" in names and (self.has_verb or self.relation):
            name = self.relation if self.relation == "bad" or not self.has_verb else "lives"
        if not name and "with" in names and self._at(place - 1).does("fit", "yes", "after"):
            name = "good"
        since = self.phrases[self.related_at : place]
        is_of_bad = self.relation == "bad" and not any(one.does("joint") for one in since)
        if not name or self.relation == "unknown" or (is_of_bad and not self.part):
            return  # `prefers not to share a home with`
        self.related_at = place
        self.is_history = phrase.does("history")
        if self.negated and not self.is_spent:
            # `has not lived with cats` says nothing, nor does `does not chase cats`.
            name = "bad" if name in {"good", "loves"} else "unknown"
            self.is_spent = True
        self.negated = False
        self.relation = name
        if name in {"bad", "good", "loves"} and phrase.does("after"):
            self._resolve(NO if name == "bad" else YES)

    def _meet(self, place: int, phrase: Phrase, members: list[str]) -> None:
        before = place - 1
        start, is_conditional = phrase.start, self.is_under or phrase.does("partial")
        while self._at(before).does("pre", "joint", "filler"):
            if self._at(before).does("pre"):
                if self._members(self._at(before - 1), before - 1):
                    break  # `perros tranquilos y gatos`
                is_conditional, start = True, self._at(before).start
            before -= 1
        mention = _Mention(members, place, start, phrase.end, "", is_conditional)
        mention.is_of_infants = phrase.does("infant")
        mention.is_history = self._at(before).does("own")  # `our kids of 4 and 6`
        if self.negated:
            is_bare = self.relation == "bad" and self.negated_at > self.related_at
            is_unclear = self.relation in {"bad", "unknown", "lives"} and not is_bare
            mention.answer = "unknown" if is_unclear else NO
            self.is_spent = mention.is_denied = True
        elif is_conditional and self._is_needed(before, place):
            mention.answer = YES  # `needs a playful second dog`
            mention.is_conditional = not phrase.values("single")
        elif self.relation:
            kinds = {"good": YES, "loves": YES, "lives": YES, "bad": NO, "unknown": "unknown"}
            heard = max(self.related_at, self.mentions[-1].place if self.mentions else 0)
            between = [one for one in self.phrases[heard + 1 : place] if not one.meanings]
            # `loves long walks through the leafy park where kids play` says nothing of kids.
            is_far = len(between) > _MOST_UNREAD and self.relation != "bad"
            mention.answer = "unknown" if is_far else kinds[self.relation]
            mention.is_history |= self.relation == "lives" or self.is_history
            mention.is_carried = not self.part and bool(self.mentions)
        self._add_mention(mention)

    def _is_needed(self, before: int, place: int) -> bool:
        """True for a companion that the home must have: `needs another calm dog`."""
        is_one = bool(self.phrases[place].values("single")) and self.relation not in _DENYING
        first = self._at(before - self._at(before).does("article"))
        return first.does("need") or (is_one and first.text.split()[:1] in _NEEDING)

    def _add_mention(self, mention: _Mention) -> None:
        if mention.traits[0] not in HOUSEHOLD:
            mention.answer = self._fit_of_home(mention)
            self.is_spent |= self.negated
        else:
            self.last = mention.traits
        self.mentions.append(mention)
        self.part.append(mention)

    def _fit_of_home(self, mention: _Mention) -> str:
        """What stands before an apartment or a yard says of it."""
        if self.negated:
            return NO
        word = "need" if "fenced_yard" in mention.traits else "fit"
        near = self.phrases[max(0, mention.place - _NEAR) : mention.place]
        has_word = any(one.does(word, f"home_{word}") for one in near)
        if word == "need":
            after = self.phrases[mention.place + 1 : mention.place + 9]
            denied = [place for place, one in enumerate(after) if one.does("not")]
            if denied and any(one.does("need") for one in after[denied[0] :][:4]):
                return NO  # `would be nice, but is not required`
            is_soft = any(one.does("soft_post") for one in after)
            is_soft |= any(one.does("soft_pre") for one in near)  # `either a yard or a walker`
            has_word |= any(one.does("need") for one in after[:4])
            return "" if is_soft or self.relation == "unknown" else YES if has_word else ""
        is_home = self.relation in {"good", "lives"} or self.has_verb
        if self.relation in {"unknown", "bad"}:
            return NO if self.relation == "bad" else ""
        return YES if has_word or is_home else ""

    def _resolve(self, answer: str, *, for_home: bool = False) -> None:
        """Take an answer that stands behind those of whom it is."""
        for mention in self.part:
            is_home = mention.traits[0] not in HOUSEHOLD
            if is_home and answer == NO and any(one.traits[0] in HOUSEHOLD for one in self.part):
                continue  # `cats in the flat he chased`
            if answer == YES and ("fenced_yard" in mention.traits or is_home != for_home):
                continue
            if not mention.answer or mention.is_carried or (answer == NO != mention.answer):
                mention.answer = answer if mention.answer != "unknown" else "unknown"
        self.is_spent |= self.negated and bool(self.part)

    def _state(self, place: int, phrase: Phrase) -> None:  # noqa: C901 - one arm a case
        said = phrase.values("yes") + phrase.values("no")
        moods = MOODS.intersection(said) or phrase.values("trait")
        if _TRAINED.intersection(phrase.values("yes")) and self._is_in_training(place):
            self.found += [(one, CONDITION, self.text) for one in phrase.values("yes")]
            self.relation = ""  # `mostly house-trained and spayed`
            return
        is_other = self.is_other and "bonded" not in phrase.values("yes")
        is_silent = is_other or self.relation == "unknown" or (moods and self.is_past)
        if is_silent or (moods and self._is_mood_of_others(place)):
            return
        is_partly = is_before = self._at(place - 1).does("partly")
        negated = self._is_denied(place, phrase)
        if self._at(place + 1).text in {":", "-", "?", "="}:
            # `House trained: no`, but `your one and only: no dogs, no cats`
            negated |= self._at(place + 2).does("not") and not self._members(self._at(place + 3))
            if self._at(place + 2).does("hedge"):
                return
            if self._at(place + 2).does("post", "pre"):
                is_partly = True
        after = takewhile(lambda one: one.text not in _ANDS, self.phrases[place + 1 : place + 4])
        if any(one.does("hedge") and not one.text.startswith("if ") for one in after):
            return
        near = [*self.phrases[max(0, place - 4) : place], *self._rest_of_part(place)[:2]]
        is_negative = any(
            "negative" in one.values("result") and one.text not in _DENIALS for one in near
        )
        if is_negative and "special_needs" in phrase.values("yes"):
            return  # `negative for heartworm and leishmania`
        for trait in phrase.values("yes") + phrase.values("trait"):
            if is_partly and trait in HOUSEHOLD:
                first, last = self._at(place - is_before), self._at(place + 3)
                words = self.text[first.start : phrase.end if is_before else last.end or None]
                self.found.append((trait, CONDITION, words))
                continue
            self.found.append((trait, NO if negated else YES, ""))
        for trait in phrase.values("condition"):
            self.found.append((trait, CONDITION, self.text[phrase.start : phrase.end]))
        for trait in phrase.values("no"):
            if not negated or trait == "bonded":
                self.found.append((trait, YES if negated else NO, ""))
        self.is_spent |= self.negated

    def _is_in_training(self, place: int) -> bool:
        """True for `mostly house-trained`, and for `crate training is going well`."""
        before = takewhile(lambda one: one.text not in _ENDS | _ANDS, self.phrases[:place][::-1])
        after = takewhile(lambda one: one.text not in _AFTER_LABEL, self.phrases[place + 1 :])
        return any(one.does("progress") for one in (*islice(before, 3), *islice(after, 6)))

    def _is_mood_of_others(self, place: int) -> bool:
        """True for the calm home that is wanted, and for `fine with a mellow cat`."""
        after = self._at(place + 1)
        if self._at(1).text == ":" and self._at(0).does("homes"):
            return True  # `Home environment: active`
        is_noun = after.text in _ONES or after.text.endswith(_HOMES)  # `a quiet adult home`
        if is_noun or after.does("homes", "partial") or after.values("member"):
            return True
        if self._at(place - 1).does("homes") and not self.has_verb:
            return True
        if place and self._members(self._at(place - 1), place - 1):
            return True  # `un compañero perruno tranquilo`
        if self.relation in {"good", "lives", "bad"}:
            return any(one.values("single") for one in self.phrases[place + 1 : place + 4])
        is_first = place <= 1 and not self.has_verb  # `A calm dog would be alright`
        return is_first and bool(after.values("single")) and self._is_would(place + 2)

    def _is_would(self, place: int) -> bool:
        return not _WOULD.isdisjoint(self._at(place).text.split()[:1])

    def _is_denied(self, place: int, phrase: Phrase) -> bool:
        """True after a negation, and if one ends the part: `stubenrein ist er nicht`."""
        is_disliked = phrase.values("trait") or "cuddly" in phrase.values("yes")
        if self.relation == "bad" and is_disliked:
            return True
        if self.negated and _DENIALS.isdisjoint(phrase.text.split()):  # `will not split them`
            return True
        if not _DENIALS.isdisjoint(phrase.text.split()):
            return False
        if "bonded" in phrase.values("yes"):  # `does not have to be adopted together with her`
            before = takewhile(lambda one: one.text not in _ENDS, self.phrases[:place][::-1])
            return any(not _DENIALS.isdisjoint(one.text.split()) for one in before)
        rest = self._rest_of_part(place)
        if self._members(self._at(place + 1 + len(rest))):
            return False  # `an adult home without dogs`
        return bool(rest) and rest[-1].does("unfit", "not")

    def _rest_of_part(self, place: int) -> list[Phrase]:
        """The phrases up to the next pause, conjunction or member, `_NEAR` at most."""
        near = self.phrases[place + 1 : place + 2 + _NEAR]
        rest = [*takewhile(lambda one: not self._is_end_of_part(one), near)]
        return rest if len(rest) <= _NEAR else []

    def _is_end_of_part(self, phrase: Phrase) -> bool:
        said = any(phrase.values(part) for part in ("member", "mention", *_STATED))
        return said or phrase.text in _ENDS or phrase.does("but", "joint")

    def _value(self, phrase: Phrase) -> None:
        if not (self.is_other or self.negated or self.relation in {"lives", "unknown", "bad"}):
            for part in VALUED:
                for value in phrase.values(part):
                    is_striped = value == "tabby" and self.species == attributes.DOG
                    self.found.append((part, "brindle" if is_striped else value, ""))
