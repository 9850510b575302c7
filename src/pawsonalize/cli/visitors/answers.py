"""Answers of the recommender on the terminal: who asks, and what comes first and why."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.cli.terminal import print_listing
from pawsonalize.domain.ids import parse_id

if TYPE_CHECKING:
    from pawsonalize.domain.events import Visitor
    from pawsonalize.engine.serving.animals.answer import AnimalPlace

User = Annotated[str | None, typer.Option("--user", help="The user who asks.")]
Session = Annotated[str | None, typer.Option("--session", help="The session that asks.")]
Animals = Annotated[
    bool, typer.Option("--animals", help="Individual animals of the inventory, not groups.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Say why each has its place.")]
Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign", help="The campaign to ask, by its name or ARN.", show_default="what fits best"
    ),
]
FilterGiven = Annotated[
    str | None,
    typer.Option("--filter", help="A filter's name, or its expression.", show_default="none"),
]

_SHOWN_PART = 0.005  # of a utility; smaller parts would be printed as +0.00


def visitor_of(user: str | None, session: str | None) -> "Visitor":
    """The visitor; either may be missing."""
    from pawsonalize.domain.events import Visitor

    return Visitor(
        None if user is None else parse_id(user, "--user"),
        None if session is None else parse_id(session, "--session"),
    )


def print_source(solution_version: str) -> None:
    """Say what answered."""
    from pawsonalize.engine.serving.served import UNTRAINED

    if solution_version == UNTRAINED:
        print("by counts alone, as no model is live yet (train one with `pawsonalize train`)")
    else:
        print(f"by {solution_version}")


def print_groups(rows: Sequence[tuple[str, float, Sequence[str]]], *, explain: bool) -> None:
    """A line for each group: its id, its score and, if asked for, the reasons."""
    _print(("group",), [((group,), score, reasons) for group, score, reasons in rows], explain)


def print_listed(rows: Sequence[tuple[str, str, float, Sequence[str]]], *, explain: bool) -> None:
    """A line for each place of a list: as it was named, its group, its score, the reasons."""
    named = [((name, group), score, reasons) for name, group, score, reasons in rows]
    _print(("listed as", "group"), named, explain)


def print_animals(
    places: Sequence["AnimalPlace"], names: Mapping[str, str], *, explain: bool
) -> None:
    """A line for each animal, those who go with it beside it; the parts of its score, and why."""
    rows = [
        (
            (
                " and ".join(place.animal_ids),
                " and ".join(names.get(one, "") for one in place.animal_ids),
                place.group_id,
            ),
            place.score,
            (*place.reasons, _parts(place)) if explain else (),
        )
        for place in places
    ]
    _print(("animal", "name", "group"), rows, explain)


def _parts(place: "AnimalPlace") -> str:
    """Return the terms of the utility, greatest first."""
    from pawsonalize.engine.serving.animals.settings import PARTS

    parts = sorted(zip(PARTS, place.parts, strict=True), key=lambda part: -abs(part[1]))
    sizes = [f"{name} {size:+.2f}" for name, size in parts if abs(size) >= _SHOWN_PART]
    return f"score {place.utility:+.2f}: " + (", ".join(sizes) or "nothing is known")


def _print(
    columns: tuple[str, ...],
    rows: Sequence[tuple[tuple[str, ...], float, Sequence[str]]],
    explain: bool,
) -> None:
    if not rows:
        print("Nothing fits: no group or animal is left by the rules of this question.")
        return
    header = ("", *columns, "score", "why")
    cells = (
        (str(place), *names, f"{score:.4f}", "\n".join(reasons) or "what is popular now")
        for place, (names, score, reasons) in enumerate(rows, 1)
    )
    last = None if explain else -1
    print_listing(header[:last], (row[:last] for row in cells))
