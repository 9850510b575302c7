"""`pawsonalize init`: a config file to begin with, and what to do next."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from pawsonalize.app.new_files import check_new, write_new
from pawsonalize.config import USUAL_FILE

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
    if file == USUAL_FILE:
        with suppress(OSError):  # that it is missing is said below
            file.parent.mkdir(exist_ok=True)
    check_new(file)
    write_new(file, _TEMPLATE.read_bytes())
    print(f"Written: {file}")
    if file != USUAL_FILE:
        print(f"It is read where PAWSONALIZE_CONFIG={file} is set.")
    print(
        "Next, one of:\n"
        "  pawsonalize demo                              a made-up shelter, to look around\n"
        "  pawsonalize animals import FILE --complete    your own animals, from a file\n"
        "  pawsonalize serve                             the service, for your site's events"
    )
