"""Checks that what a benchmark compares with is another program, and does the work it is said to.

Whoever measures a program against itself gets a good ratio. So each floor and each rival is asked
something before its figures count.
"""

from collections.abc import Iterable, Mapping, Sequence


class NoRival(SystemExit):
    """What is compared with is not what it is called."""


def check_constant(answers: Sequence[object]) -> None:
    """Refuse a constant that answers different visitors, or one visitor twice, differently."""
    distinct = list(dict.fromkeys(answers))
    if len(answers) < 2 or len(distinct) > 1:
        raise NoRival(f"this is no constant: of {len(answers)} answers {distinct[:2]} differ")


def check_others(answers: Mapping[str, object]) -> None:
    """Refuse contenders that answered the same questions alike, by their names."""
    names: dict[object, str] = {}
    for name, answer in answers.items():
        other = names.setdefault(answer, name)
        if other != name:
            raise NoRival(f"{name} answers just as {other}: one of them is not what it is called")


def check_work(what: str, done: Iterable[object], wanted: int = 1) -> None:
    """Refuse figures of work that was not done; `what` it is called."""
    count = sum(1 for _ in done)
    if count < wanted:
        raise NoRival(f"{what}: {count} of at least {wanted}, so its figures say nothing")
