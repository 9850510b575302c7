"""Numbers, units and bounds in a wish: `under 3 years`, `50+ lb`, `no bigger than a beagle`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pawsonalize.animals.wishes.lexicon import Phrase, breed_facts, singulars
from pawsonalize.core import attributes
from pawsonalize.core.attributes import POUNDS_A_KILO, SIZE_NAMES

_MONEY = frozenset("$€£")
_UNDER, _OVER = "<≤", ">≥"
_MONTHS = {"year": 12.0, "month": 1.0, "week": 0.23}
FACTORS = {**_MONTHS, "kg": POUNDS_A_KILO, "mile": 1.609}
"""Months, pounds or kilometres in each unit."""
_RULES = dict.fromkeys(_MONTHS, "months") | {"kg": "pounds", "lb": "pounds", "money": "fee"}
_OLDEST = 15  # "under 3" is about years
_DASHES = ("-", "\u2013")
_MOST_WORDS_BEFORE = 8  # "no more than about at most" is six
# "2 years old" is not to the day, nor is "10 kg".
_MONTHS_AROUND, _SHARE_AROUND = 12.0, 0.25


@dataclass
class WishedBound:
    """A bound, the name of its rule, and the place of the phrase after it."""

    end: int
    numbers: list[float]
    units: list[str] = field(default_factory=list)
    """The unit of each number, empty if it has none of its own."""
    unit: str = ""
    under: bool = False
    over: bool = False
    is_range: bool = False
    is_strict: bool = False
    about: str = ""
    sizes: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Name of the rule."""
        return "size" if self.sizes else _RULES.get(self.unit, "place")

    def limits(self) -> tuple[float | None, float | None]:
        """The lowest and highest value that fit, in months, pounds, money or kilometres.

        None where that side is open.
        """
        low, *_, high = [
            number * FACTORS.get(unit or self.unit, 1.0)
            for number, unit in zip(self.numbers, self.units, strict=True)
        ] * 2
        if len(self.numbers) > 1:
            return min(low, high), max(low, high)
        if self.under or (self.name in {"fee", "place"} and not self.over):
            return None, high
        if self.over:
            return low, None
        room = low * _SHARE_AROUND
        if self.unit == "year":
            room = max(room, _MONTHS_AROUND)
        return max(0.0, low - room), high + room

    def chosen_sizes(self) -> frozenset[str]:
        """The sizes within the bound."""
        order = list(SIZE_NAMES)
        named = [order.index(one) for one in self.sizes]
        if self.under:
            return frozenset(order[: min(named) + (not self.is_strict)])
        return frozenset(order[max(named) + self.is_strict :])


def read_bound(phrases: Sequence[Phrase], place: int) -> WishedBound | None:
    """Read a bound such as `under 3 years`, at the phrase `place`; None if none begins."""
    bound = WishedBound(place, [])
    _read_words_before(phrases, bound)
    if bound.sizes:
        return bound
    _read_numbers(phrases, bound)
    if not bound.numbers:
        return None
    _read_words_after(phrases, bound)
    is_span = bound.is_range and bound.numbers[0] < bound.numbers[-1]
    if bound.under or bound.over or is_span:
        is_age = bound.about or max(bound.numbers) <= _OLDEST
        bound.unit = bound.unit or bound.about or ("year" if is_age else "")
    return bound if bound.unit else None


def number_in(phrase: Phrase) -> float | None:
    """The number that a phrase is; None of any other."""
    if found := phrase.values("number"):
        return float(min(found))
    plain = phrase.text.replace(",", ".")
    return float(plain) if plain.replace(".", "", 1).isdigit() else None


def _read_words_before(phrases: Sequence[Phrase], bound: WishedBound) -> None:
    # Each place of `<<<<…` begins one: without an end their time would grow with its square.
    for one in phrases[bound.end : bound.end + _MOST_WORDS_BEFORE]:
        under = one.does("under") or one.text in _UNDER
        over = one.does("over") or one.text in _OVER
        sizes = one.values("size") or (one.values("breed") and _sizes_of(one))
        if (bound.under or bound.over) and sizes:
            bound.sizes, bound.end = sizes, bound.end + 1
            return
        if one.text in _MONEY:
            bound.unit = "money"
        about = one.values("about")
        fills = bound.under or bound.over or bound.about
        is_word = under or over or one.does("between") or about or one.text in _MONEY
        if not is_word and not (fills and one.does("filler") and not one.values("unit")):
            return
        bound.is_strict |= one.does("strict")
        bound.under, bound.over = bound.under or under, bound.over or over
        bound.is_range |= one.does("between")
        bound.about = min(about, default=bound.about)
        bound.end += 1


def _sizes_of(breed: Phrase) -> frozenset[str]:
    return breed_facts("size", (word for text in breed.text.split() for word in singulars(text)))


def _read_numbers(phrases: Sequence[Phrase], bound: WishedBound) -> None:
    """Read one number or two, each with its unit: `6 months to 2 years`, `under a year`."""
    here, place = phrases[bound.end : bound.end + 1], bound.end
    if (bound.under or bound.over) and here and here[0].values("unit"):
        bound.numbers, bound.units = [1.0], [_read_unit(phrases, bound)]
    while place < len(phrases) and (number := number_in(phrases[place])) is not None:
        end, bound.end = bound.end, place + 1
        unit = _read_unit(phrases, bound)
        if bound.units == ["year"] and unit == "month" and place == end:  # `1 year 6 months`
            bound.numbers[0] += number / 12
        elif len(bound.numbers) + len({_RULES.get(o) for o in (*bound.units, unit) if o}) > 2:
            bound.end = end
            break
        else:
            bound.numbers.append(number)
            bound.units.append(unit)
        place = bound.end + _is_joint(phrases, bound)
    bound.unit = next(filter(None, [bound.unit, *bound.units]), "")


def _is_joint(phrases: Sequence[Phrase], bound: WishedBound) -> bool:
    one = phrases[bound.end] if bound.end < len(phrases) else None
    return one is not None and (
        one.text in _DASHES or one.does("to") or (bound.is_range and one.does("and"))
    )


def _read_unit(phrases: Sequence[Phrase], bound: WishedBound) -> str:
    unit = ""
    signs = [one.text for one in phrases[bound.end : bound.end + 1]]
    if signs and signs[0] in _MONEY:
        unit, bound.end = "money", bound.end + 1
    elif signs == ["+"] and any(
        one.values("unit") for one in phrases[bound.end + 1 : bound.end + 2]
    ):
        bound.over, bound.end = True, bound.end + 1  # `50+ lb`
    while bound.end < len(phrases):
        one = phrases[bound.end]
        if (units := one.values("unit")) and not (unit or bound.unit):
            unit = min(units)
        elif unit not in _MONTHS or not (
            one.values("age") == {attributes.SENIOR} or one.does("of_age")
        ):
            break
        bound.end += 1
    return unit


def _read_words_after(phrases: Sequence[Phrase], bound: WishedBound) -> None:
    if bound.end == len(phrases) or bound.under or bound.over:
        return
    one = phrases[bound.end]
    bound.under, bound.over = one.does("tail_under"), one.does("tail_over") or one.text == "+"
    bound.end += bound.under or bound.over
