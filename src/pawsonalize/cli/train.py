"""`pawsonalize train`: a new solution version, served at once."""

from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.app import opened, train_and_activate
from pawsonalize.cli.options import At, DataDir, Json
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.training import TrainingOrder
from pawsonalize.settings import load_settings

Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of the recipe, name=value; may be repeated."),
]


def train(
    recipe: Annotated[
        str | None, typer.Option(help="The recipe.", show_default="user-personalization")
    ] = None,
    setting: Setting = None,
    seed: Annotated[int, typer.Option(help="Same data, same seed, same model.")] = 0,
    at: At = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train a solution version and serve it; running servers follow within a second.

    Example: pawsonalize train --recipe user-personalization --set popularity_half_life_days=14
    """
    settings = load_settings({"data_dir": data_dir})
    as_of = clock.now() if at is None else parse_moment(at, "--at")
    order = TrainingOrder(recipe or settings.recipe, as_of, _read(setting or []), seed)
    with opened(settings) as adapters:
        trained = train_and_activate(adapters, order)
    if json:
        print(msgspec.json.encode(trained).decode())
        return
    print(
        f"{trained.version.solution_version} is live: trained on {trained.events:,} events of"
        f" {trained.users:,} visitors and {trained.items:,} items"
    )


def _read(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for name, equals, _value in pairs:
        if not name or not equals:
            raise InvalidInput(f"--set takes name=value, not {name}")
    return {name: value for name, _, value in pairs}
