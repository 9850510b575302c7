"""`pawsonalize train`: new solution versions, served as soon as they are ready."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.dataset_group import dataset_group_of
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
from pawsonalize.cli.training import solutions_of, solutions_to_train, train_and_serve
from pawsonalize.cli.tuned_line import tuned_line
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.defaults import RECOMMENDER
from pawsonalize.engine.resources.solutions import TrainingMode
from pawsonalize.engine.serving.directory import listed
from pawsonalize.settings import load_settings

Mode = Annotated[
    TrainingMode,
    typer.Option(help="FULL: from nothing. UPDATE: fold new events into the newest version."),
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
    mode: Mode = TrainingMode.FULL,
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
        if dataset_group is not None:
            group = dataset_group_of(adapters, settings, dataset_group)
            solutions = solutions_of(adapters, group, solution)
        elif solution is None and recipe is None and not setting:
            solutions = solutions_to_train(settings)
        else:
            solutions = (solution or RECOMMENDER,)
        if len(solutions) > 1 and (recipe or setting):
            raise InvalidInput(
                f"--recipe and --set are for one alone: add --solution, of {listed(solutions)}"
            )
        trained = [
            train_and_serve(
                adapters,
                adapters.versions.create(
                    name,
                    as_of=as_of,
                    now=now,
                    mode=mode,
                    seed=seed,
                    recipe=recipe,
                    settings=read_pairs(setting) or None,
                    tuning=tuning,
                ),
            )
            for name in solutions
        ]
        served = {campaign.solution for campaign in adapters.registry.all(Campaign)}
    if json:
        print(msgspec.json.encode(trained).decode())
        return
    for version in trained:
        fate = "goes live" if version.solution in served else "waits for a campaign to serve it"
        print(
            f"{version.name} {fate}: trained on {version.events:,} events of"
            f" {version.users:,} visitors and {version.items:,} items"
        )
        if version.tuned is not None:
            print(f"  {tuned_line(version.tuned)}")
