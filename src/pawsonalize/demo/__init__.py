"""A believable adoption world, made from a seed.

    stock ─► pages ─┐
    adopters ─► visits ─► browsing ─► funnel ─► log      utility ─► oracle

`generate(WorldSettings(), seed, end)` runs all of it and gives a `World`.
"""

from pawsonalize.demo.settings import WorldSettings
from pawsonalize.demo.world import World, generate

__all__ = ["World", "WorldSettings", "generate"]
