"""What tests of illnesses said: `FIV/FeLV negative`, `positive for heartworm`."""

from collections.abc import Iterable, Iterator, Sequence

from pawsonalize.animals.written_phrases import NO, PAUSES, YES, Phrase

_BEFORE, _AFTER = 5, 3  # phrases in which a result stands beside its test


def read_tests(phrases: Sequence[Phrase]) -> Iterator[tuple[str, str]]:
    """The illnesses that a sentence tells a result of, each with `yes` or `no`."""
    is_cured = any(phrase.does("cured") for phrase in phrases)
    for run in _runs(phrases):
        before = phrases[max(0, run[0] - _BEFORE) : run[0]][::-1]
        after = [
            one
            for place, one in enumerate(phrases[run[-1] + 1 :][:_AFTER], run[-1] + 1)
            if not (one.values("result") and _is_of_next(phrases, place))
        ]
        clause = phrases[: run[0]]
        cut = max((place for place, one in enumerate(clause) if one.does("but")), default=-1)
        is_other = any(one.does("other") for one in clause[cut + 1 :])
        if is_other or any(one.does("hedge") for one in (*after, *before)):
            continue
        result = NO if is_cured else next(iter((*_results(after), *_results(before))), "")
        for place in run if result else ():
            yield from ((trait, result) for trait in phrases[place].values("test"))


def _is_of_next(phrases: Sequence[Phrase], place: int) -> bool:
    """True for the `negative` in `positive for FIV and negative for FeLV`."""
    return any(one.values("test") for one in phrases[place + 1 : place + 2])


def _runs(phrases: Sequence[Phrase]) -> list[list[int]]:
    """Places of tests that share a result: `FIV and FeLV negative`."""
    runs: list[list[int]] = []
    for place in (place for place, one in enumerate(phrases) if one.values("test")):
        between = phrases[runs[-1][-1] + 1 : place] if runs else []
        is_list = all(one.text in PAUSES or one.does("joint") for one in between)
        # `positive for FIV, FeLV negative`
        have_own = (
            any(one.text == "," for one in between)
            and any(_results(phrases[place + 1 :][:_AFTER]))
            and any(_results(phrases[max(0, runs[-1][0] - _BEFORE) : runs[-1][0]][::-1]))
        )
        if runs and is_list and not have_own:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _results(phrases: Iterable[Phrase]) -> Iterator[str]:
    for phrase in phrases:
        if phrase.does("but") or phrase.text in {",", ";"}:
            return
        if found := phrase.values("result"):
            yield NO if "negative" in found else YES
