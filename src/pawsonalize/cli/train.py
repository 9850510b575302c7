"""`pawsonalize train`: a new solution version, served at once."""

import msgspec

from pawsonalize import clock
from pawsonalize.app import opened, train_and_activate
from pawsonalize.cli.options import At, DataDir, Json, RecipeName, Seed, Setting, read_pairs
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.training import TrainingOrder
from pawsonalize.settings import load_settings


def train(
    recipe: RecipeName = None,
    setting: Setting = None,
    seed: Seed = 0,
    at: At = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train a solution version and serve it; running servers follow within a second.

    Example: pawsonalize train --recipe user-personalization --set popularity_half_life_days=14
    """
    settings = load_settings({"data_dir": data_dir})
    as_of = clock.now() if at is None else parse_moment(at, "--at")
    order = TrainingOrder(recipe or settings.recipe, as_of, read_pairs(setting), seed)
    with opened(settings) as adapters:
        trained = train_and_activate(adapters, order)
    if json:
        print(msgspec.json.encode(trained).decode())
        return
    print(
        f"{trained.version.solution_version} is live: trained on {trained.events:,} events of"
        f" {trained.users:,} visitors and {trained.items:,} items"
    )
