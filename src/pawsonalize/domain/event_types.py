"""Event types: what a site calls what its visitors do, and what that means.

An event keeps the type that it was sent with: histories, filters, the archive and everything that
Amazon Personalize has show that one. What models, answers and reports make of it is its *meaning*,
and this table alone says it. Case and separators do not count: `DetailView`, `detail_view` and
`detail-view` are one. A type that the table does not have counts as a view, under its own name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import DEFAULT_EVENT_TYPE, RETURN_EVENT_TYPE

VIEW, RETURN = DEFAULT_EVENT_TYPE, RETURN_EVENT_TYPE
FAVORITE, INQUIRY, APPLICATION, ADOPTION = "favorite", "inquiry", "application", "adoption"
DISLIKE = "dislike"
SEPARATORS = " _-./:"

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        VIEW: "view views viewed detailview detailsview viewdetail viewdetails details detail"
        " itemview viewitem petview viewpet animalview viewanimal profileview viewprofile pageview"
        " productview click clicked clicks itemclick open opened visit visited",
        FAVORITE: "favorite favorites favorited favourite favourites favourited fav faved save"
        " saved like liked love loved heart hearted bookmark bookmarked wishlist addtowishlist"
        " addtofavorites addtofavourites addfavorite addfavourite shortlist shortlisted star"
        " starred thumbsup swiperight",
        INQUIRY: "inquiry inquiries inquire inquired enquiry enquiries enquire enquired contact"
        " contacted contactshelter message messaged email emailed call called phone phoned ask"
        " asked question lead meetandgreet addtocart addedtocart",
        APPLICATION: "application applications apply applied applicationsubmitted submitapplication"
        " adoptionapplication adoptionrequest applytoadopt checkout reserve reserved",
        ADOPTION: "adoption adoptions adopt adopted purchase purchased purchases buy bought order"
        " ordered conversion converted rehomed",
        RETURN: "return returned returns adoptionreturn broughtback",
        DISLIKE: "dislike disliked unfavorite unfavorited unfavourite unfavourited removefavorite"
        " removefavourite removefromfavorites removefromfavourites removefromwishlist unsave"
        " unsaved unlike unliked unlove hide hidden hid notinterested nothanks thumbsdown downvote"
        " downvoted swipeleft dismiss dismissed reject rejected block blocked",
    }
)
"""Synonyms of each meaning, as `plain_spelling` has it; `dislike` and `return` speak against."""


def plain_spelling(event_type: str) -> str:
    """A type without case and separators."""
    return event_type.casefold().translate(_NO_SEPARATORS)


_NO_SEPARATORS = str.maketrans("", "", SEPARATORS)
_MEANINGS = MappingProxyType(
    {word: meaning for meaning, words in SYNONYMS.items() for word in words.split()}
)
_MOST_KEPT = 10_000  # spellings that are looked up once; visitors may send any text


@dataclass(frozen=True, slots=True)
class EventTypes:
    """Meanings of event types by their spellings: the table, and what a setting adds."""

    meanings: Mapping[str, str]
    _kept: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def with_added(cls, added: Mapping[str, str]) -> "EventTypes":
        """The table with types of a site's own; InvalidInput for a meaning there is not."""
        meanings = dict(_MEANINGS)
        for event_type, meaning in added.items():
            known = _MEANINGS.get(plain_spelling(meaning))
            if known is None:
                raise InvalidInput(
                    f"event_types says that {event_type} means {meaning!r}: it can mean"
                    f" {', '.join(SYNONYMS)}",
                    field="event_types",
                )
            meanings[plain_spelling(event_type)] = known
        return cls(MappingProxyType(meanings))

    def meaning(self, event_type: str) -> str:
        """Return the meaning of a type; an unknown type is its own meaning."""
        found = self._kept.get(event_type)
        if found is None:
            found = self.meanings.get(plain_spelling(event_type), event_type)
            if len(self._kept) < _MOST_KEPT:
                self._kept[event_type] = found
        return found

    def knows(self, event_type: str) -> bool:
        """Whether the type has a meaning."""
        return plain_spelling(event_type) in self.meanings

    def spellings(self, meanings: Collection[str]) -> frozenset[str]:
        """Return all spellings of these meanings."""
        own = (plain_spelling(meaning) for meaning in meanings if not self.knows(meaning))
        return frozenset(
            (*own, *(word for word, meaning in self.meanings.items() if meaning in meanings))
        )


STANDARD = EventTypes(_MEANINGS)
"""The table alone."""
AS_SENT = EventTypes(MappingProxyType({}))
"""No type means anything but itself: so it is with events of actions (`TAKEN`, `VIEWED`)."""
