"""A made-up shelter, to look around: its world, from a seed, and what its adoption site adds.

    stock ─► pages ─┐
    adopters ─► visits ─► browsing ─► funnel ─► log      utility ─► oracle

`world.generate(WorldSettings(), seed, end)` runs all of it and gives a `World`.
"""

import msgspec

from pawsonalize.core.plugin import Plugin


class DemoSettings(msgspec.Struct, frozen=True):
    """The adoption site of the made-up shelter."""

    demo_site: bool = False
    """Serve the demo adoption site at `/`, where anybody may act as any visitor."""


PLUGIN = Plugin(
    "demo",
    settings=":DemoSettings",
    commands="commands:COMMANDS",
    pages="site:routes",
    ports="ports:PORTS",
)
