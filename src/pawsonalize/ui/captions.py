"""What is said of an order: by what these animals were put in it, at this moment."""

from collections.abc import Sequence
from types import MappingProxyType

from pawsonalize.domain.preferences import Preferences
from pawsonalize.ui.knowledge import Knowledge
from pawsonalize.ui.ordering import Ordered

_PARTS = MappingProxyType(
    {
        "appeal": "what visitors look at",
        "animal_effect": "what visitors look at",
        "waiting": "how long they wait",
        "exposure": "how seldom they were shown",
        "photos": "their photos",
        "priority": "what the shelter wishes",
        "bid_price": "who needs a home most",
        "group": "what visitors look at",
        "visitor": "what you open",
        "seen": "what you saw before",
        "distance": "how near they are",
        "compatibility": "how well they fit your home",
    }
)
_FIRST = "Look at somebody, and the order becomes yours."


def order_in_words(ordered: Ordered, known: Knowledge, looking_for: Preferences) -> str:
    """One or two sentences, true of this answer."""
    if ordered.recommendation_id is None:
        return "Whoever has waited longest comes first."
    if known.events:
        return f"Ordered for you, from {known.count} of yours."
    said = dict(_PARTS)
    if looking_for != Preferences():
        if ordered.decided[:1] == ("group",):
            return "Whoever fits what you are looking for comes first."
        said["group"] = "what you are looking for"
    told = list(dict.fromkeys(said[part] for part in ordered.decided))[:2]
    return f"Ordered by {_listed(told)}. {_FIRST}" if told else _FIRST


def _listed(words: Sequence[str]) -> str:
    return " and ".join(words)
