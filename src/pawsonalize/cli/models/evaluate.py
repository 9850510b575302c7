"""`pawsonalize evaluate`: how good a recipe is on the data at hand, and how sure that is."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.app.new_files import check_folder_of, check_new
from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import (
    At,
    DataDir,
    DatasetGroupName,
    Json,
    RecipeName,
    Seed,
    Setting,
    read_pairs,
)
from pawsonalize.cli.terminal import progress
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.engine.training.evaluating.report import Evaluation


_DOCUMENT, _PICTURE = "evaluation.json", "evaluation.svg"


class Splits(StrEnum):
    """Splits to evaluate on."""

    BOTH = "both"
    PERSONALIZE = "personalize"
    TIME = "time"


def evaluate(
    *,
    recipe: RecipeName = None,
    setting: Setting = None,
    seed: Seed = 0,
    split: Annotated[
        Splits, typer.Option(help="Held-out users (personalize), held-out days (time), or both.")
    ] = Splits.BOTH,
    at: At = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for evaluation.json and evaluation.svg, which are new there.",
            show_default="evaluation, in the data folder, and at artefact_url if that is set",
        ),
    ] = None,
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Measure a recipe beside the baselines on held-out events; nothing goes live.

    Example: pawsonalize evaluate --recipe user-personalization --seed 1 --out evaluation
    """
    from pawsonalize.app.shared_data import share_reports
    from pawsonalize.cli.models.evaluation_report import print_evaluation
    from pawsonalize.engine.training.evaluating.evaluator import EvaluationOrder
    from pawsonalize.engine.training.evaluating.evaluator import evaluate as evaluate_recipe
    from pawsonalize.engine.training.evaluating.holdout import SplitName

    if out is not None:
        check_folder_of(out)
        for name in (_DOCUMENT, _PICTURE) if out.exists() else ():
            check_new(out / name)
    settings = load_settings({"data_dir": data_dir})
    order = EvaluationOrder(
        recipe=recipe or settings.recipe,
        as_of=clock.now() if at is None else parse_moment(at, "--at"),
        settings=read_pairs(setting),
        seed=seed,
        splits=tuple(SplitName) if split is Splits.BOTH else (SplitName(split),),
    )
    with opened(settings) as adapters, progress("evaluating") as bar:
        group = dataset_group_of(adapters, settings, dataset_group)
        log, catalogue = adapters.log.of(group), adapters.catalogue.of(group)
        evaluation = evaluate_recipe(log, catalogue, order, bar, adapters.sampling)
    folder = out or settings.data_dir / "evaluation"
    _write(evaluation, folder)
    shared = "" if out else share_reports(settings, folder)
    if json:
        print(msgspec.json.encode(evaluation).decode())
        return
    print_evaluation(evaluation)
    print(f"Written: {folder / _DOCUMENT} and {folder / _PICTURE}")
    if shared:
        print(f"Copied to {shared}")


def _write(evaluation: "Evaluation", folder: Path) -> None:
    from pawsonalize.cli.models.evaluation_report import plot

    document = msgspec.json.format(msgspec.json.encode(evaluation), indent=2)
    try:
        folder.mkdir(exist_ok=True)
        (folder / _DOCUMENT).write_bytes(document + b"\n")
        (folder / _PICTURE).write_text(plot(evaluation), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"cannot write to {folder} ({error.strerror}): choose another --out"
        ) from error
