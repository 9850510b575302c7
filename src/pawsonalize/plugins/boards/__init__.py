"""Boards: some animals to choose among, so that the very next page is the visitor's own."""

from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.core.plugin import Plugin

BOARDS_READ = 6  # as `engine.serving.animals.pages` has it, which takes long to import
LEAST, MOST = 4, 12


class BoardSettings(msgspec.Struct, frozen=True):
    """Settings of boards."""

    # Three picks out of nine tell as much as out of twelve, and more than out of six (see
    # `benchmarks.boards`); nine photos are as many as a phone's screen has room for.
    board_size: Annotated[int, Meta(ge=LEAST, le=MOST)] = 9
    """Animals of a board where the request says nothing, 4 to 12."""
    boards_per_visitor: Annotated[int, Meta(ge=0, le=BOARDS_READ)] = 3
    """With so many answered boards of a visitor, no answer asks for another; 0: none ever does."""


PLUGIN = Plugin(
    "boards",
    settings=":BoardSettings",
    operations="endpoints:OPERATIONS",
    started="endpoints:started",
    ports="ports:PORTS",
)
