"""`pawsonalize campaigns`: what is served, and how to change it or go back."""

from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json, command_group
from pawsonalize.cli.resources import add_ls, print_fields
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.kinds.campaigns import Campaign


def _kind() -> type["Campaign"]:
    from pawsonalize.kinds.campaigns import Campaign

    return Campaign


app = command_group("Campaigns: the solution versions being served.")
add_ls(
    app,
    "campaign",
    _kind,
    ("name", "serving_status", "solution", "solution_version", "previous_version"),
    by_dataset_group=False,
)

Name = Annotated[str, typer.Argument(help="The campaign.")]
Weight = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="The share of places that explore.", show_default="the service's"
    ),
]
CutOff = Annotated[
    int | None,
    typer.Option(min=0, help="Days that an item counts as new.", show_default="the service's"),
]
Rate = Annotated[
    int | None,
    typer.Option(
        "--min-provisioned-tps", min=1, help="Warn below it.", show_default="the service's"
    ),
]
Popularity = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Of similar-items.", show_default="as it was trained"),
]
Freshness = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Of similar-items.", show_default="as it was trained"),
]
Follows = Annotated[
    bool | None,
    typer.Option(
        "--follows-latest/--no-follows-latest",
        help="Go on to each newer version by itself.",
        show_default="no",
    ),
]


@app.command("create")
def create(
    *,
    name: Name,
    solution: Annotated[str, typer.Argument(help="The solution to serve.")],
    version: Annotated[
        str | None,
        typer.Option(help="The solution version.", show_default="the newest, or the first to come"),
    ] = None,
    exploration_weight: Weight = None,
    exploration_item_age_cut_off: CutOff = None,
    min_provisioned_tps: Rate = None,
    popularity_influence: Popularity = None,
    freshness_influence: Freshness = None,
    follows_latest: Follows = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a campaign; the first server that serves it says so, else the next retraining.

    Example: pawsonalize campaigns create cats cats --exploration-weight 0.2
    """
    from pawsonalize.engine.training.campaigns import create_campaign

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        created = create_campaign(
            adapters.campaigns,
            adapters.versions,
            clock.now(),
            name=name,
            solution=solution,
            version=version,
            exploration_weight=exploration_weight,
            exploration_item_age_cut_off=exploration_item_age_cut_off,
            min_provisioned_tps=min_provisioned_tps,
            popularity_influence=popularity_influence,
            freshness_influence=freshness_influence,
            follows_latest=bool(follows_latest),
        )
        print_fields(created, json)


@app.command("show")
def show(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Show a campaign, and what became of its latest update.

    Example: pawsonalize campaigns show recommender
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.campaigns.get(name), json)


@app.command("update")
def update(
    *,
    name: Name,
    solution_version: Annotated[
        str | None,
        typer.Argument(help="The solution version to serve.", show_default="as it is"),
    ] = None,
    revision: Annotated[
        int | None,
        typer.Option(help="Only if the campaign is still at this revision.", show_default="any"),
    ] = None,
    exploration_weight: Weight = None,
    exploration_item_age_cut_off: CutOff = None,
    min_provisioned_tps: Rate = None,
    popularity_influence: Popularity = None,
    freshness_influence: Freshness = None,
    follows_latest: Follows = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Ask for another solution version or other settings; what is not named stays.

    The first server that serves it says so in the campaign.

    Example: pawsonalize campaigns update recommender recommender-20260517T093000000Z-1f2e3d
    """
    given = {
        "exploration_weight": exploration_weight,
        "exploration_item_age_cut_off": exploration_item_age_cut_off,
        "min_provisioned_tps": min_provisioned_tps,
        "popularity_influence": popularity_influence,
        "freshness_influence": freshness_influence,
        "follows_latest": follows_latest,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        updated = adapters.campaigns.update(
            name, solution_version, clock.now(), expected_revision=revision, **changes
        )
    print_fields(updated, json)


@app.command("delete")
def delete(name: Name, data_dir: DataDir = None) -> None:
    """Delete a campaign; its solution and versions stay.

    Example: pawsonalize campaigns delete cats
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        adapters.registry.delete(_kind(), name)


@app.command("rollback")
def rollback(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Serve the version before again; running servers hold it ready and follow within a second.

    Example: pawsonalize campaigns rollback recommender
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(adapters.campaigns.rollback(name, clock.now()), json)
