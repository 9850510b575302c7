"""`pawsonalize rerank`: in which order a visitor would see a list."""

from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import At, DataDir, DatasetGroupName, Json
from pawsonalize.cli.visitors.answers import (
    Animals,
    Campaign,
    Explain,
    FilterGiven,
    Session,
    User,
    print_animals,
    print_listed,
    print_source,
    visitor_of,
)
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.app.preview import Preview
    from pawsonalize.engine.serving.context import Query
    from pawsonalize.http.answers import Metadata


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
    from pawsonalize.engine.serving.context import Query
    from pawsonalize.engine.serving.directory import Address, Purpose

    if user is None and session is None:
        raise InvalidInput("say who sees the list: --user or --session")
    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    moment = now if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        address = Address(dataset_group, campaign)
        preview = Preview(settings, adapters, address, Purpose.RANKING, now)
        passing = preview.filter(filter_given)
        visitor = visitor_of(user, session)
        query = Query(visitor, moment, now, filter=passing, explain=explain or json)
        order = _animals if animals else _groups
        order(preview, query, items, explain, json)


def _groups(
    preview: "Preview", query: "Query", items: list[str], explain: bool, json: bool
) -> None:
    answer = preview.runtime.rerank(query, preview.candidates(items, query.at))
    if json:
        from pawsonalize.http.rerankings import RankedList, ranking_response

        no_columns: list[Metadata] = [{} for _ in answer.groups]
        body = ranking_response(RankedList(answer, no_columns), query.now, is_full=True).body
        print(bytes(body).decode())
        return
    print_source(answer.solution_version)
    listed = zip(answer.items, answer.group_ids, strict=True)
    rows = [(one.item_id, group, one.score, one.reasons) for one, group in listed]
    print_listed(rows, explain=explain)


def _animals(
    preview: "Preview", query: "Query", items: list[str], explain: bool, json: bool
) -> None:
    individuals = preview.individuals
    answer = individuals.rerank(items, individuals.with_profile(query))
    if json:
        from pawsonalize.http.recommendations import AnimalsFound
        from pawsonalize.http.rerankings import animal_ranking_response

        body = animal_ranking_response(AnimalsFound(answer), query.now, is_full=True).body
        print(bytes(body).decode())
        return
    print_source(answer.solution_version)
    print_animals(answer.places, preview.names(answer), explain=explain)
