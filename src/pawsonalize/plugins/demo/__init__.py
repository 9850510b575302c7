"""A made-up shelter, to look around: its world, from a seed, and what its adoption site adds.

    stock ─► pages ─┐
    adopters ─► visits ─► browsing ─► funnel ─► log      utility ─► oracle

`world.generate(WorldSettings(), seed, end)` runs all of it and gives a `World`.
"""

from typing import TYPE_CHECKING

import msgspec

from pawsonalize.core.plugin import Plugin

if TYPE_CHECKING:
    from pawsonalize.app.settings import Settings


class DemoSettings(msgspec.Struct, frozen=True):
    """The adoption site of the made-up shelter."""

    demo_site: bool = False
    """Serve the demo adoption site at `/`, where anybody may act as any visitor."""


def serves_demo(settings: "Settings") -> bool | None:
    """True if the adoption site is the made-up shelter's."""
    return settings.part(DemoSettings).demo_site or None


PLUGIN = Plugin(
    "demo",
    settings=":DemoSettings",
    commands="commands:COMMANDS",
    pages="site:routes",
    ports={"serves_demo": ":serves_demo", "demo": "site:demo_of"},
)
