"""`pawsonalize recommend`: which groups, or animals, a visitor would see, and why."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import At, DataDir, DatasetGroupName, Json
from pawsonalize.cli.terminal import say
from pawsonalize.cli.visitors.answers import (
    Animals,
    Campaign,
    Explain,
    FilterGiven,
    Session,
    User,
    print_animals,
    print_groups,
    print_source,
    visitor_of,
)
from pawsonalize.domain.times import parse_moment
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.app.preview import Preview
    from pawsonalize.engine.serving.context import Query
    from pawsonalize.http.answers import Metadata


def recommend(
    *,
    user: User = None,
    session: Session = None,
    limit: Annotated[int, typer.Option(help="How many, 1 to 500.")] = 10,
    animals: Animals = False,
    explain: Explain = False,
    like: Annotated[
        str | None, typer.Option("--like", help="What is like this group, or this animal.")
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
    from pawsonalize.engine.serving.context import Query
    from pawsonalize.engine.serving.directory import Address, Purpose

    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    moment = now if at is None else parse_moment(at, "--at")
    purpose = Purpose.RECOMMENDING if animals or like is None else Purpose.COMPARING
    with opened(settings) as adapters:
        address = Address(dataset_group, campaign)
        preview = Preview(settings, adapters, address, purpose, now)
        query = Query(
            visitor_of(user, session),
            moment,
            now,
            limit=limit,
            filter=preview.filter(filter_given),
            explain=explain or json,
        )
        if animals:
            _animals(preview, query, like, explain, json)
        else:
            _groups(preview, query, like, explain, json)


def _groups(
    preview: "Preview", query: "Query", like: str | None, explain: bool, json: bool
) -> None:
    from pawsonalize.recipes.catalogue import recipe_named

    if like is not None:
        query = replace(query, item_id=preview.candidates([like], query.at)[0].group_id)
        if not recipe_named(preview.runtime.recipe).needs_item:
            say(
                f"--like has no part in this: {preview.runtime.recipe} answers, as no campaign of"
                " similar-items does; with --animals, any campaign answers what is like an animal",
                "yellow",
            )
    answer = preview.runtime.recommend(query)
    if json:
        from pawsonalize.http.recommendations import recommendations_response

        no_columns: list[Metadata] = [{} for _ in answer.items]
        body = recommendations_response(answer, no_columns, is_full=True).body
        print(bytes(body).decode())
        return
    print_source(answer.solution_version)
    rows = [(one.item_id, one.score, one.reasons) for one in answer.items]
    print_groups(rows, explain=explain)


def _animals(
    preview: "Preview", query: "Query", like: str | None, explain: bool, json: bool
) -> None:
    individuals = preview.individuals
    query = individuals.with_profile(query)
    answer = individuals.recommend(query) if like is None else individuals.similar(like, query)
    if json:
        from pawsonalize.http.recommendations import AnimalsFound, animals_response

        print(bytes(animals_response(AnimalsFound(answer), is_full=True).body).decode())
        return
    print_source(answer.solution_version)
    print_animals(answer.places, preview.names(answer), explain=explain)
