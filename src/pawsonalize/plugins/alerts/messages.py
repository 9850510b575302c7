"""Alerts in words, and the links that stop them."""

import hmac
from collections.abc import Callable, Sequence
from urllib.parse import quote

import msgspec

from pawsonalize.animals.animal import Animal
from pawsonalize.core.event import USER, Visitor, visitor_digest
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.plugins.alerts.matching import Match
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.reasons import Reason
from pawsonalize.recommend.tables import ALERT, Impression
from pawsonalize.resources.kind import new_recommendation_id
from pawsonalize.site import words
from pawsonalize.site.languages import ENGLISH, Language, choose, reason, speaking
from pawsonalize.site.languages import language as language_of
from pawsonalize.site.rendering import path_of, with_query

STOP = "/alerts/stop"
CONFIRM = "/alerts/confirm"
MAIL_USER = "mail-"
"""Begin of the ids of users whom their address of e-mail made one."""


class AddressWish(msgspec.Struct, frozen=True, rename="camel"):
    """A visitor's wish to be written to at an address, as the site's form has it."""

    user_id: str
    """The user that the address makes them."""
    session_id: str
    """The browser's session, with which the address is erased too."""
    mail: str
    search: str
    """The search to be told of; empty: of any animal that they would love."""
    language: str


class Alert(msgspec.Struct, frozen=True):
    """One animal, or a bonded unit, of which one visitor is told."""

    user_id: str
    animal_id: str
    impression: Impression
    news: Notification
    search: str | None
    """The saved search that it answers; None: the animal needs a home."""


def news_id(user_id: str, rest: str) -> str:
    """Return the id of a notification about a visitor, by which an erasure finds it."""
    return f"alert-{visitor_digest(USER, user_id)}-{rest}"


class Messages(msgspec.Struct, frozen=True):
    """Writes alerts; `key` reads what signs the links."""

    key: Callable[[], bytes]
    url: str
    serves_site: bool
    language: str = ENGLISH
    """Language of alerts to those whose own is not known."""

    def alert(
        self,
        match: Match,
        animals: Sequence[Animal],
        propensity: float,
        now: int,
        search: str | None = None,
        language: str = "",
    ) -> Alert:
        """Write an alert, and the impression by which a visit that it leads to is joined."""
        first, place, user_id = animals[0], match.place, match.user_id
        name = new_recommendation_id(now)
        url = first.url
        if self.serves_site:
            url = with_query(f"{self.url}{path_of(first.animal_id)}", {"from": name})
        stop = self.stop_url(user_id)
        with speaking(choose(language, self.language)) as speaks:
            subject, text = _in_words(speaks, animals, place.reasons, now)
            if search:
                text = f"{speaks.plain('alert.searched')} {text}"
            text += f"\n{url}\n\n{speaks.plain('alert.stop', link=stop)}"
        details = {
            "userId": user_id,
            "animalId": first.animal_id,
            "recommendationId": name,
            "reasons": list(map(str, place.reasons)),
            "search": search,
            "url": url,
            "stopUrl": stop,
        }
        news = Notification(
            news_id(user_id, name),
            NotificationKind.ALERT,
            subject,
            text,
            now,
            details=details,
        )
        impression = Query(Visitor(user_id), now, now).impression(
            name,
            ALERT,
            match.version,
            [place.group_id],
            propensities=(propensity,),
            animal_ids=(tuple(one.animal_id for one in animals),),
            factors=(place.factors,),
        )
        return Alert(user_id, first.animal_id, impression, news, search)

    def stopped(self, user_id: str, now: int) -> Notification:
        """Write to the site that a visitor wishes to hear of no animals any more."""
        return Notification(
            news_id(user_id, f"stop-{now}"),
            NotificationKind.ALERTS_STOPPED,
            "A visitor stopped alerts",
            "Store it, so that your site does not write the consent again.",
            now,
            details={"userId": user_id},
        )

    def confirmation(self, wish: AddressWish, words: str, token: str, now: int) -> Notification:
        """Write the mail whose link confirms an address; `words` are the search."""
        plain = language_of(choose(wish.language, self.language)).plain
        link = with_query(f"{self.url}{CONFIRM}", {"user": wish.user_id, "token": token})
        what = plain("alert.asked_search", words=words) if words else plain("alert.asked")
        text = f"{what}\n\n{plain('alert.confirm')}\n{link}\n\n{plain('alert.not_you')}\n"
        return Notification(
            news_id(wish.user_id, f"ask-{token}"),
            NotificationKind.ALERTS_ASKED,
            plain("alert.confirm_subject"),
            text,
            now,
            details={"userId": wish.user_id},
            mail=text,
            recipient=wish.mail,
        )

    def user_of(self, mail: str) -> str:
        """Return the id of the user that an address makes a visitor; it does not show it."""
        signed = hmac.digest(self.key(), f"address {mail.lower()}".encode(), "sha256")
        return f"{MAIL_USER}{signed.hex()[:24]}"

    def stop_url(self, user_id: str) -> str:
        """The link that stops all alerts of a user."""
        signed = self._signature(user_id)
        return f"{self.url}{STOP}?user={quote(user_id, safe='')}&signature={signed}"

    def is_signed(self, user_id: str, signature: str) -> bool:
        """True if the signature is of this user's link."""
        given = signature.encode("utf-8", "replace")
        return hmac.compare_digest(self._signature(user_id).encode(), given)

    def _signature(self, user_id: str) -> str:
        return hmac.digest(self.key(), f"stop {user_id}".encode(), "sha256").hex()[:32]


def _in_words(
    speaks: Language, animals: Sequence[Animal], reasons: Sequence[Reason], now: int
) -> tuple[str, str]:
    """Return the subject and the first sentence of an alert."""
    friend = speaks.messages["card.friend"]
    names = speaks.messages["layout.and"].join(
        one.name
        or speaks.plain("card.nameless", kind=speaks.value(words.SPECIES.get(one.species, friend)))
        for one in animals
    )
    group = animals[0].group_at(now)
    kind = f"{words.breed(group.breed)}, {words.age_and_size(group)}"
    why = "; ".join(map(reason, reasons))
    return (
        speaks.plain("alert.subject", len(animals), names=names, kind=kind),
        speaks.plain("alert.waits", len(animals), names=names, why=f": {why}" if why else ""),
    )
