"""`pawsonalize train`: new solution versions, served as soon as they are ready."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import (
    At,
    DataDir,
    DatasetGroupName,
    Json,
    RecipeName,
    Seed,
    Setting,
    Tune,
    TuneSeconds,
    read_pairs,
    read_tuning,
)
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.kinds.solutions import SolutionVersion

Mode = Annotated[
    Literal["FULL", "UPDATE"],
    typer.Option(help="FULL: from nothing. UPDATE: an incremental update of the newest version."),
]


def train(
    *,
    solution: Annotated[
        str | None,
        typer.Option(
            help="The solution to train; --recipe and --set are for one alone.",
            show_default="those of the dataset group; of the default one recommender, and"
            " reranker where re-ranking is enabled",
        ),
    ] = None,
    recipe: RecipeName = None,
    setting: Setting = None,
    mode: Mode = "FULL",
    tune: Tune = None,
    tune_seconds: TuneSeconds = None,
    seed: Seed = 0,
    at: At = None,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train solution versions and serve them; running servers follow within a second.

    Example: pawsonalize train --solution recommender --set popularity_half_life_days=14
    """
    from pawsonalize.cli.models.training import chosen_solutions, train_and_serve
    from pawsonalize.kinds.campaigns import Campaign
    from pawsonalize.kinds.solutions import TrainingMode

    settings = load_settings({"data_dir": data_dir})
    tuning = read_tuning(tune, tune_seconds)
    now = clock.now()
    as_of = now if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        if adapters.log.head() == 0:
            raise InvalidInput(
                f"there are no events in {settings.data_dir.absolute()}: name the right folder with"
                " --data-dir, or bring some with `pawsonalize import` or by POST /v1/events"
            )
        default = not (recipe or setting)
        names = chosen_solutions(adapters, settings, dataset_group, solution, default=default)
        trained = [
            train_and_serve(
                adapters,
                adapters.versions.create(
                    name,
                    as_of=as_of,
                    now=now,
                    mode=TrainingMode(mode),
                    seed=seed,
                    recipe=recipe,
                    settings=read_pairs(setting) or None,
                    tuning=tuning,
                ),
            )
            for name in names
        ]
        served = {campaign.solution for campaign in adapters.registry.all(Campaign)}
    if json:
        print(msgspec.json.encode(trained).decode())
        return
    for version in trained:
        _print(version, is_served=version.solution in served)


def _print(version: "SolutionVersion", *, is_served: bool) -> None:
    from pawsonalize.cli.models.training import tuned_line

    fate = "goes live" if is_served else "waits for a campaign to serve it"
    print(
        f"{version.name} {fate}: trained on {version.events:,} events of"
        f" {version.users:,} visitors and {version.items:,} items"
    )
    if version.tuned is not None:
        print(f"  {tuned_line(version.tuned)}")
