"""The panel beside every page: what the service knows, for those who build with it."""

from typing import Any

import msgspec

from pawsonalize.ui.knowledge import Knowledge
from pawsonalize.ui.storefront import Storefront


def panel(
    storefront: Storefront, known: Knowledge, now: int, call_title: str, call: str
) -> dict[str, Any]:
    """What the layout and the panel show on every page."""
    return {
        "known": known,
        "visitor_json": msgspec.json.encode(known.identity()).decode(),
        "call_title": call_title,
        "call": call,
        "can_train": storefront.start_training is not None,
        "now": now,
    }
