"""`pawsonalize init`: a config file to begin with, and what to do next."""

from pathlib import Path
from typing import Annotated

import typer

from pawsonalize.config import USUAL_FILE
from pawsonalize.domain.errors import Conflict

_TEMPLATE = Path(__file__).with_name("init.yaml")


def init(
    file: Annotated[
        Path, typer.Argument(help="The config file to write; one that is there stays.")
    ] = USUAL_FILE,
) -> None:
    """Write a config file with every common setting explained, and say what comes next.

    What it sets are the defaults; the other lines are comments. No data folder is made.

    Example: pawsonalize init
    """
    if file.exists():
        raise Conflict(f"{file} is there already, and stays as it is: choose another name")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(_TEMPLATE.read_text(encoding="utf-8"))
    except OSError as error:
        raise Conflict(f"cannot write {file} ({error.strerror}): choose another place") from error
    print(f"Written: {file}")
    if file != USUAL_FILE:
        print(f"It is read where PAWSONALIZE_CONFIG={file} is set.")
    print(
        "Next, one of:\n"
        "  pawsonalize demo                              a made-up shelter, to look around\n"
        "  pawsonalize animals import FILE --complete    your own animals, from a file\n"
        "  pawsonalize serve                             the service, for your site's events"
    )
