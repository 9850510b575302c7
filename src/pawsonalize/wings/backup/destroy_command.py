"""`pawsonalize destroy`: the whole service, taken away."""

from typing import Annotated

import typer

from pawsonalize.cli.options import DataDir
from pawsonalize.settings import load_settings


def destroy(
    archive: Annotated[
        bool, typer.Option("--archive", help="The archive of events as well, for good.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Take everything away in dependency order: campaigns, models, database, files.

    It says what will go, and asks. The archive stays, so that `pawsonalize archive replay` can
    bring the events back. Servers must be stopped. Your config file stays, too.

    Example: pawsonalize destroy --yes
    """
    from pawsonalize.app.adapters import opened
    from pawsonalize.wings.backup.destroying import kept, parts, refuse_while_used

    settings = load_settings({"data_dir": data_dir})
    with opened(settings, must_exist=True) as adapters:
        refuse_while_used(adapters)
        steps = parts(settings, adapters, with_archive=archive)
        print("This goes, for good:")
        for step in steps:
            print(f"  {step.what}")
        if stays := list(kept(settings, with_archive=archive)):
            print("This stays:")
            for what in stays:
                print(f"  {what}")
        if not yes:
            typer.confirm("Take it away?", abort=True)
        for step in steps:
            step.remove()
            print(f"gone: {step.what}")
