"""`pawsonalize outcomes`: what came of what was shown."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.app.new_files import check_new, write_new
from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json, read_pairs
from pawsonalize.settings import load_settings


def outcomes(
    since: Annotated[
        str | None,
        typer.Option(help="From this moment.", show_default="180 days before --until"),
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
    dataset_group: DatasetGroupName = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Adoptions, stays and who was never shown, by policy and by solution version.

    Example: pawsonalize outcomes --since 2026-01-01 --until 2026-07-01 --svg waiting.svg
    """
    from pawsonalize.cli.outcomes_report import plot, print_outcomes
    from pawsonalize.engine.reporting.outcomes import read_weights
    from pawsonalize.engine.reporting.outcomes_report import read_order, report_outcomes

    check_new(svg)
    settings = load_settings({"data_dir": data_dir})
    weights = read_weights(read_pairs(weight, "--weight"))
    order = read_order(since, until, clock.now(), within, weights)
    with opened(settings) as adapters:
        group = dataset_group_of(adapters, settings, dataset_group)
        report = report_outcomes(adapters.outcomes.of(group), order)
    if svg is not None:
        write_new(svg, plot(report).encode())
    if json:
        print(msgspec.json.encode(report).decode())
        return
    print_outcomes(report)
    if svg is not None:
        print(f"Written: {svg}")
