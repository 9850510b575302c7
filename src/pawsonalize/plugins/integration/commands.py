"""`pawsonalize check-integration`: does the embed work on a site's page, and what arrives?"""

from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import on_data
from pawsonalize.app.cli.options import Command
from pawsonalize.core import clock

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.plugins.integration.visiting import SiteFinding

_SIGNS = {"ok": "OK     ", "warning": "WARNING", "error": "ERROR  "}


def _print_findings(findings: "list[SiteFinding]") -> None:
    for one in findings:
        print(f"{_SIGNS[one.level]}  {one.message}")
        if one.next_move:
            print(f"         → {one.next_move}")


@on_data(_print_findings, failed=lambda found: any(one.level == "error" for one in found))
def check_integration(
    adapters: "Adapters",
    url: Annotated[str, typer.Argument(help="A page of the site, such as https://host/pets.")],
) -> "list[SiteFinding]":
    """Fetch a page of a site and say what is wrong with the embed there, and what arrives.

    It looks at script, elements, attributes and key, loads and calls what a browser would, as the
    page's policies allow, and counts what the newest events carry. It sends no event. Exit code 1
    if something cannot work.

    Example: pawsonalize check-integration https://shelter.example/pets
    """
    from pawsonalize.plugins.integration.checking import check_site

    return list(check_site(adapters, url, clock.now()))


COMMANDS = (Command("check-integration", check_integration, "Look after the service"),)
