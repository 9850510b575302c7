"""`pawsonalize recommend` and `rerank`: the next answers for a visitor, and their reasons."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from pawsonalize.app.cli.opening import opened
from pawsonalize.app.cli.options import (
    At,
    DataDir,
    DatasetGroupName,
    Json,
    Session,
    User,
    visitor_of,
)
from pawsonalize.app.cli.terminal import print_listing, say
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.late import late
from pawsonalize.core.times import parse_moment

if TYPE_CHECKING:
    from starlette.responses import Response

    from pawsonalize.app.preview import Preview
    from pawsonalize.recommend.animals.recommender import AnimalPlace, AnimalsAnswer
    from pawsonalize.recommend.endpoints import recommendations, rerankings
    from pawsonalize.recommend.query import Query
else:
    recommendations = late("pawsonalize.recommend.endpoints.recommendations")
    rerankings = late("pawsonalize.recommend.endpoints.rerankings")

Animals = Annotated[
    bool, typer.Option("--animals", help="Individual animals of the inventory, not groups.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Say why each has its place.")]
Campaign = Annotated[
    str | None,
    typer.Option(help="The campaign to ask, by its name or ARN.", show_default="what fits best"),
]
FilterGiven = Annotated[
    str | None,
    typer.Option("--filter", help="A filter's name, or its expression.", show_default="none"),
]

_SHOWN_PART = 0.005  # of a utility; smaller parts would be printed as +0.00


def recommend(
    *,
    user: User = None,
    session: Session = None,
    limit: Annotated[int, typer.Option(help="At most so many, 1 to 500.")] = 10,
    animals: Animals = False,
    explain: Explain = False,
    like: Annotated[
        str | None, typer.Option(help="What is like this group, or this animal.")
    ] = None,
    filter_given: FilterGiven = None,
    at: At = None,
    dataset_group: DatasetGroupName = None,
    campaign: Campaign = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show what a visitor would be recommended now; without one, what everybody would.

    Answers come from what the campaigns serve, without explored places, and are not counted as
    shown. Needs no running server. `--json` prints what `POST /v1/recommendations?detail=full`
    answers.

    Example: pawsonalize recommend --user ann --animals --explain
    """
    from pawsonalize.app.preview import Preview
    from pawsonalize.recommend.campaigns import Address, Purpose
    from pawsonalize.recommend.query import Query

    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    moment = now if at is None else parse_moment(at, "--at")
    purpose = Purpose.RECOMMENDING if animals or like is None else Purpose.COMPARING
    with opened(settings) as adapters:
        preview = Preview(adapters, Address(dataset_group, campaign), purpose, now)
        visitor, passing = visitor_of(user, session), preview.filter(filter_given)
        query = Query(visitor, moment, now, limit=limit, filter=passing, explain=explain or json)
        (_recommend_animals if animals else _recommend_groups)(preview, query, like, explain, json)


def rerank(
    *,
    items: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Animals of the inventory, or groups; 1 to 500."),
    ],
    user: User = None,
    session: Session = None,
    animals: Animals = False,
    explain: Explain = False,
    filter_given: FilterGiven = None,
    at: At = None,
    dataset_group: DatasetGroupName = None,
    campaign: Campaign = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Order a list as a visitor would see it; what nothing is known of comes last.

    With --animals, those that are available and may be shown. `--json` prints what
    `POST /v1/rerankings?detail=full` answers.

    Example: pawsonalize rerank a-7 a-12 2-Beagle-2-3 --user ann
    """
    from pawsonalize.app.preview import Preview
    from pawsonalize.recommend.campaigns import Address, Purpose
    from pawsonalize.recommend.query import Query

    if user is None and session is None:
        raise InvalidInput("say who sees the list: --user or --session")
    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    moment = now if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        address = Address(dataset_group, campaign)
        preview = Preview(adapters, address, Purpose.RANKING, now)
        visitor, passing = visitor_of(user, session), preview.filter(filter_given)
        query = Query(visitor, moment, now, filter=passing, explain=explain or json)
        (_rerank_animals if animals else _rerank_groups)(preview, query, items, explain, json)


def _recommend_groups(
    preview: "Preview", query: "Query", like: str | None, explain: bool, json: bool
) -> None:
    from pawsonalize.models.recipes.catalogue import recipe_named

    if like is not None:
        query = replace(query, item_id=preview.candidates([like], query.at)[0].group_id)
        recipe = preview.group_recommender.served.version.recipe
        if not recipe_named(recipe).needs_item:
            say(
                f"--like has no part in this: {recipe} answers, as no campaign of similar-items"
                " does; with --animals, any campaign answers what is like an animal",
                "yellow",
            )
    answer = preview.group_recommender.recommend(query)
    if json:
        _print_body(recommendations.recommendations_response(answer, is_full=True))
        return
    rows = [((one.item_id,), one.score, one.reasons) for one in answer.items]
    _print_places(answer.solution_version, ("group",), rows, explain)


def _recommend_animals(
    preview: "Preview", query: "Query", like: str | None, explain: bool, json: bool
) -> None:
    animal_recommender = preview.animal_recommender
    query = animal_recommender.with_profile(query)
    answer = (
        animal_recommender.recommend(query)
        if like is None
        else animal_recommender.similar(like, query)
    )
    if json:
        found = recommendations.AnimalsFound(answer)
        _print_body(recommendations.animals_response(found, is_full=True))
        return
    print_animals(answer, preview.names(answer), explain)


def _rerank_groups(
    preview: "Preview", query: "Query", items: list[str], explain: bool, json: bool
) -> None:
    answer = preview.group_recommender.rerank(query, preview.candidates(items, query.at))
    if json:
        ranked = rerankings.RankedList(answer)
        _print_body(rerankings.ranking_response(ranked, query.now, is_full=True))
        return
    listed = zip(answer.items, answer.group_ids, strict=True)
    rows = [((one.item_id, group), one.score, one.reasons) for one, group in listed]
    _print_places(answer.solution_version, ("listed as", "group"), rows, explain)


def _rerank_animals(
    preview: "Preview", query: "Query", items: list[str], explain: bool, json: bool
) -> None:
    animal_recommender = preview.animal_recommender
    answer = animal_recommender.rerank(items, animal_recommender.with_profile(query))
    if json:
        found = recommendations.AnimalsFound(answer)
        _print_body(rerankings.animal_ranking_response(found, query.now, is_full=True))
        return
    print_animals(answer, preview.names(answer), explain)


def _print_body(response: "Response") -> None:
    print(bytes(response.body).decode())


def print_animals(answer: "AnimalsAnswer", names: Mapping[str, str], explain: bool) -> None:
    """Print a line for each animal, with those that go with it; the parts of its score, and why."""
    rows = []
    for place in answer.places:
        called = " and ".join(names.get(one, "") for one in place.animal_ids)
        why = (*place.reasons, _parts(place)) if explain else ()
        rows.append(((" and ".join(place.animal_ids), called, place.group_id), place.score, why))
    _print_places(answer.solution_version, ("animal", "name", "group"), rows, explain)


def _parts(place: "AnimalPlace") -> str:
    from pawsonalize.recommend.animals.settings import PARTS

    parts = sorted(zip(PARTS, place.parts, strict=True), key=lambda part: -abs(part[1]))
    sizes = [f"{name} {size:+.2f}" for name, size in parts if abs(size) >= _SHOWN_PART]
    return f"score {place.utility:+.2f}: " + (", ".join(sizes) or "nothing is known")


def _print_places(
    solution_version: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[tuple[str, ...], float, Sequence[object]]],
    explain: bool,
) -> None:
    """Print the version that answered, then its places: ids, a score and the reasons."""
    from pawsonalize.recommend.live_model import UNTRAINED

    if solution_version == UNTRAINED:
        print("by counts alone, as no model is live yet (train one with `pawsonalize train`)")
    else:
        print(f"by {solution_version}")
    if not rows:
        print("Nothing fits: no group or animal is left by the rules of this question.")
        return
    header = ("", *columns, "score", "why")
    cells = (
        (str(place), *names, f"{score:.4f}", "\n".join(map(str, reasons)) or "what is popular now")
        for place, (names, score, reasons) in enumerate(rows, 1)
    )
    last = None if explain else -1
    print_listing(header[:last], (row[:last] for row in cells))
