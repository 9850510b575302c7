"""`pawsonalize evaluate`: how good a recipe is on the data at hand, and how sure that is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from pawsonalize.app.cli import options
from pawsonalize.app.cli.opening import dataset_group_of, opened
from pawsonalize.app.cli.terminal import (
    check_folder_of,
    check_new,
    print_result,
    progress,
    write_new,
)
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.limits import check_between
from pawsonalize.core.times import DAY, parse_moment

if TYPE_CHECKING:
    from pawsonalize.train.evaluator import Evaluation


_DOCUMENT, _PICTURE = "evaluation.json", "evaluation.svg"


Recipes = Annotated[
    list[str] | None,
    typer.Option(help="A recipe; may be repeated.", show_default="user-personalization"),
]
Versions = Annotated[
    list[str] | None,
    typer.Option(help="A solution version, whose settings are fitted anew; may be repeated."),
]
FirstSetting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of the first --recipe, name=value; may be repeated."),
]
Split = Annotated[
    Literal["both", "personalize", "time"],
    typer.Option(help="Held-out users (personalize), held-out days (time), or both."),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        help="Folder for evaluation.json and evaluation.svg, which are new there.",
        show_default="evaluation, in the data folder, and at artefact_url if that is set",
    ),
]
PredictionsFile = Annotated[
    Path | None,
    typer.Option(
        help="New file, .csv or .parquet, for the 25 best of each test case by each model."
    ),
]


def evaluate(
    *,
    recipe: Recipes = None,
    version: Versions = None,
    setting: FirstSetting = None,
    seed: options.Seed = 0,
    split: Split = "both",
    at: options.At = None,
    out: ReportFolder = None,
    predictions: PredictionsFile = None,
    dataset_group: options.DatasetGroupName = None,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Measure recipes and versions beside the baselines on held-out events; nothing goes live.

    Several are measured on the same test cases, and the first is compared with each of the others:
    recipes come first, then versions, each in the order that you name them.

    Example: pawsonalize evaluate --recipe user-personalization --recipe ease --out evaluation
    """
    from pawsonalize.reports.commands.views import print_evaluation
    from pawsonalize.train.evaluator import EvaluatedModel, EvaluationOrder
    from pawsonalize.train.evaluator import evaluate as evaluate_models
    from pawsonalize.train.holdout import SplitName
    from pawsonalize.train.predictions import Predictions

    check_new(predictions)
    rows = None if predictions is None else Predictions(predictions)
    if out is not None:
        check_folder_of(out)
        # Before the measurement, which takes long.
        for name in (_DOCUMENT, _PICTURE) if out.exists() else ():
            check_new(out / name)
    settings = load_settings({"data_dir": data_dir})
    given, names = options.read_pairs(setting), recipe or ([] if version else [settings.recipe])
    if given and not names:
        raise InvalidInput("--set is for a recipe, and a version has its own settings: name both")
    with opened(settings) as adapters, progress("evaluating") as bar:
        models = [EvaluatedModel(name, name, {} if k else given) for k, name in enumerate(names)]
        models += [EvaluatedModel.of(adapters.versions.get(name)) for name in version or ()]
        first = models[0]
        order = EvaluationOrder(
            recipe=first.recipe,
            as_of=clock.now() if at is None else parse_moment(at, "--at"),
            settings=first.settings,
            seed=seed,
            splits=tuple(SplitName) if split == "both" else (SplitName(split),),
            models=tuple(models),
        )
        group = dataset_group_of(adapters, dataset_group)
        log, catalogue = adapters.log.of(group), adapters.catalogue.of(group)
        evaluation = evaluate_models(log, catalogue, order, bar, adapters.sampling, rows)
    if predictions is not None and rows is not None:
        write_new(predictions, rows.content())
    folder = out or settings.data_dir / "evaluation"
    _write(evaluation, folder)
    shared = "" if out else _share(settings, folder)
    print_result(evaluation, json, print_evaluation)
    if json:
        return
    written = ", ".join(map(str, filter(None, (folder / _DOCUMENT, predictions))))
    print(f"Written: {written} and {folder / _PICTURE}")
    if shared:
        print(f"Copied to {shared}")


def _share(settings: Settings, folder: Path) -> str:
    """Copy reports to the place that machines share; return its URL, empty without one."""
    from pawsonalize.core.objects.stores import open_objects

    url = settings.shared_url("evaluation")
    if url:
        objects = open_objects(url)
        for file in sorted(folder.iterdir()):
            objects.replace(file.name, file)
    return url


def _write(evaluation: "Evaluation", folder: Path) -> None:
    from pawsonalize.reports.commands.views import plot_evaluation

    document = msgspec.json.format(msgspec.json.encode(evaluation), indent=2)
    try:
        folder.mkdir(exist_ok=True)
        (folder / _DOCUMENT).write_bytes(document + b"\n")
        (folder / _PICTURE).write_text(plot_evaluation(evaluation), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"cannot write to {folder} ({error.strerror}): choose another --out"
        ) from error


def outcomes(
    since: Annotated[
        str | None, typer.Option(help="From this moment.", show_default="180 days before --until")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="To before this moment.", show_default="now")
    ] = None,
    within: Annotated[
        int, typer.Option(help="Days from an answer to what came of it, 1 to 365.")
    ] = 30,
    weight: Annotated[
        list[str] | None,
        typer.Option(help="What an outcome is worth, name=value; may be repeated."),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(help="Draw the waiting curves into this new file.")
    ] = None,
    dataset_group: options.DatasetGroupName = None,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Adoptions, stays and who was never shown, by policy and by solution version.

    Example: pawsonalize outcomes --since 2026-01-01 --until 2026-07-01 --svg waiting.svg
    """
    from pawsonalize.reports.commands.views import plot_outcomes, print_outcomes
    from pawsonalize.reports.outcomes import read_weights
    from pawsonalize.reports.outcomes_report import read_order, report_outcomes

    check_new(svg)
    weights = read_weights(options.read_pairs(weight, "--weight"))
    order = read_order(since, until, clock.now(), within, weights)
    with opened(data_dir) as adapters:
        group = dataset_group_of(adapters, dataset_group)
        report = report_outcomes(adapters.outcome_sources.of(group), order)
    if svg is not None:
        write_new(svg, plot_outcomes(report).encode())
    print_result(report, json, print_outcomes)
    if svg is not None and not json:
        print(f"Written: {svg}")


def ope(
    policy: Annotated[str, typer.Option(help="The solution version to judge.")],
    days: Annotated[int, typer.Option(help="From the answers of so many days, 1 to 365.")] = 30,
    data_dir: options.DataDir = None,
    json: options.Json = False,
) -> None:
    """Estimate what a version would have earned, from answers that others gave with exploration.

    Needs answers of groups with propensities; an answer takes a few milliseconds.

    Example: pawsonalize ope --policy recommender-20260518T030000000Z --days 30
    """
    from pawsonalize.recommend.live_model import Loader, ServingSettings
    from pawsonalize.reports.commands.views import print_estimate
    from pawsonalize.reports.outcomes_report import OutcomesOrder, estimate_version

    check_between("--days", days, 1, 365)
    now = clock.now()
    with opened(data_dir) as adapters:
        group = adapters.versions.dataset_group(adapters.versions.get(policy))
        loader = Loader(adapters.registry, adapters.artefacts)
        served = loader.newest(policy, ServingSettings(), now)
        sources, order = adapters.outcome_sources.of(group), OutcomesOrder(now - days * DAY, now)
        found = estimate_version(sources, order, adapters.catalogue.of(group), served)
    print_result(found, json, print_estimate)
