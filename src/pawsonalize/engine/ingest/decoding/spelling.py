"""Which known name a name was meant to be: another case, other separators, a slip of the hand."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MAX_LENGTH = 64
_SHORT = 3
_PLAIN = 4
_LONG = 8


def bare(name: str) -> str:
    """The name in lower case without separators: `user_id` and `userId` are `userid`."""
    return "".join(one for one in name.casefold() if one.isalnum())


def meant(name: str, known: Collection[str]) -> str | None:
    """The known name that this one is a misspelling of, or None.

    One that differs in case, separators or a plural alone comes first, then the one that the
    name begins (`max_distance`, `maxDistanceKm`), then the nearest by single slips. Short words
    have to be right, since many differ by a letter.
    """
    return None if len(name) > _MAX_LENGTH else _meant(name, tuple(known))


@lru_cache(maxsize=4096)  # a site sends the same extra fields with every event
def _meant(name: str, known: tuple[str, ...]) -> str | None:
    for one in known:
        if bare(one).rstrip("s") == bare(name).rstrip("s") != "":
            return one
    begun = [one for one in known if _begins(name, one)]
    if len(begun) == 1:
        return begun[0]
    return _nearest(name, known)


def _nearest(name: str, known: Iterable[str]) -> str | None:
    slips = {one: _slips(name, one) for one in known}
    near = {one: count for one, count in slips.items() if count is not None}
    return min(near, key=lambda one: near[one], default=None)


def _slips(name: str, known: str) -> int | None:
    """By how many slips the names differ; None where that is too many to be the same."""
    given, right = _words(name), _words(known)
    if len(given) != len(right):
        given, right = [bare(name)], [bare(known)]
        most = 1
    else:
        most = 2
    total = 0
    for one, other in zip(given, right, strict=True):
        count = _slips_of_word(one, other)
        if count is None:
            return None
        total += count
    return total if total <= most else None


def _slips_of_word(given: str, right: str) -> int | None:
    if given == right:
        return 0
    shorter = min(len(given), len(right))
    if shorter < _SHORT or len(right) <= _SHORT:
        return None
    most = 2 if shorter >= _LONG else 1
    count = int(OSA.distance(given, right, score_cutoff=most))
    if count > most:
        return None
    another_letter = len(given) == len(right) and sorted(given) != sorted(right)
    return None if len(right) <= _PLAIN and another_letter else count


def _begins(name: str, known: str) -> bool:
    """Whether more than the first word of the known name is given, from its beginning on."""
    first = next(iter(_words(known)), "")
    return bare(known).startswith(bare(name)) and len(bare(name)) > len(first) + 1


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(name)]
