"""Captions of an order: the reasons for the order of these animals, at this moment."""

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
_OWN, _WISH = "what you did here", "what you are looking for"
_FIRST = "Look at somebody, and the order becomes yours."


def order_in_words(ordered: Ordered, known: Knowledge, looking_for: Preferences) -> str:
    """A few sentences, true of this page."""
    if ordered.recommendation_id is None:
        return "Whoever has waited longest comes first."
    captions = dict(_PARTS)
    if known.events:
        captions |= {"group": _OWN, "visitor": _OWN}
    elif looking_for != Preferences():
        captions["group"] = _WISH
    decided = list(dict.fromkeys(captions[part] for part in ordered.decided))[:2]
    words = " and ".join(one for one in decided if one != _OWN)
    order = f"Ordered by {words}." if words else "Hardly anything sets them apart."
    if decided[:1] == [_WISH]:
        order = f"Whoever fits {_WISH} comes first."
    elif _OWN in decided:
        order = f"Ordered for you, from {known.count} of yours{words and f', and by {words}'}."
    else:
        order += " What you did decides little so far." if known.events else f" {_FIRST}"
    if ordered.drawn:
        drawn = "1 animal was" if ordered.drawn == 1 else f"{ordered.drawn} animals were"
        order += f" {drawn} drawn by lot, so that everybody is seen."
    return order
