"""Alerts, saved searches and addresses as rows of the work table, and the key of links.

An alert is one transaction: the row that remembers it, its deliveries, and its impression. So it is
sent once, however often servers die or two of them are at it, and the bounds hold for all of them:
each write of any server waits for the one before.

Nothing but the mail with the link is sent to an address before its owner confirms it. Whoever
confirms is a user from then on, whose id is made from the address and does not show it.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, Delete, Select, delete, func, or_, select, true

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_parts, insert_new, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import agreements, users, work
from pawsonalize.core.errors import Conflict, TooManyRequests
from pawsonalize.core.event import DEFAULT_DATASET_GROUP, SESSION, USER, visitor_digest
from pawsonalize.core.notifications import Notification
from pawsonalize.core.times import DAY, SECOND
from pawsonalize.core.work.problems import Delivery, as_work
from pawsonalize.core.work.tables import OPEN, Work
from pawsonalize.events.erasure.tables import ErasedNames, Erasure
from pawsonalize.plugins.alerts import AlertSettings
from pawsonalize.plugins.alerts.matching import NO, YES, has_word
from pawsonalize.plugins.alerts.messages import AddressWish, Alert, news_id
from pawsonalize.recommend.tables import Impressions

ALERT, SEARCH, SENT = "alert", "saved-search", "sent"
ADDRESS = "alert-address"
LINK_DAYS = 3
"""A link that confirms an address is good for so many days."""
MOST_ASKED = 3
"""Mails with such a link to one address within a day."""
_CONFIRMED = "confirmed"
WEEK = 7 * DAY
MOST_SEARCHES = 5
"""Saved searches of one user."""
_KEY, _FOUND = "key of alerts", "animals of alerts"
_ROW = work.c
_IN_GROUP = users.c.dataset_group == DEFAULT_DATASET_GROUP


class SavedSearch(msgspec.Struct, frozen=True, rename="camel"):
    """A search that a user saved: the query of a link to the adoption site."""

    user_id: str
    search: str
    saved_at: int


class SentAlert(msgspec.Struct, frozen=True):
    """An alert that was written: who was told of which animal, and for which saved search."""

    user_id: str
    animal_id: str
    subject: str
    search: str | None
    sent_at: int


class _Details(msgspec.Struct, frozen=True, rename="camel"):
    user_id: str


class _Payload(msgspec.Struct, frozen=True):
    details: _Details


class _WishPayload(msgspec.Struct, frozen=True):
    details: AddressWish


def _wish_of(payload: str) -> AddressWish:
    """Read the payload of a row."""
    return msgspec.json.decode(payload, type=_WishPayload).details


def _prefix(kind: str, user_id: str) -> str:
    """Prefix of the names of a user's rows of a kind."""
    return f"{kind}.{visitor_digest(USER, user_id)}."


def _begins(prefix: str) -> ColumnElement[bool]:
    """True if the name of a row begins so."""
    return func.substr(_ROW.name, 1, len(prefix)) == prefix


def _delete_deliveries(user_ids: Sequence[str], rest: str = "") -> Iterator[Delete]:
    """Yield what deletes the messages about users, sent or not; they hold the address as well."""
    for part in in_parts(user_ids):
        prefixes = [f"delivery.{news_id(one, rest)}" for one in part]
        yield delete(work).where(func.substr(_ROW.name, 1, len(prefixes[0])).in_(prefixes))


def _delete_wish(name: str, user_id: str) -> Iterator[Delete]:
    """Yield what deletes a wish that waits, by the name of its row, and the mail about it."""
    yield from _delete_deliveries([user_id], f"ask-{name.rsplit('.', 1)[1]}")
    yield delete(work).where(_ROW.name == name)


class AlertBook(TableAccess):
    """Stores alerts within their bounds, and saved searches."""

    def __init__(
        self, database: Database, settings: AlertSettings, channels: Sequence[str]
    ) -> None:
        super().__init__(database)
        self._settings, self._channels = settings, channels

    def add(self, alert: Alert, now: int) -> bool:
        """Store an alert to be delivered; False if it may not be, or was stored before."""
        name = f"{_prefix(ALERT, alert.user_id)}{alert.animal_id}"
        payload = msgspec.json.encode(alert.news).decode()
        row = Work(name, ALERT, alert.animal_id, SENT, payload, created_at=now, ended_at=now)
        with self._database.writing() as connection:
            is_new = self._may_be_sent(connection, alert, now) and insert_new(
                connection, work, [asdict(row)]
            )
            if is_new:
                self._deliver(connection, alert.news)
                Impressions.add_to(connection, [alert.impression])
        return bool(is_new)

    def _may_be_sent(self, connection: Connection, alert: Alert, now: int) -> bool:
        """True if the visitor wishes it still, and the bounds leave room.

        Whoever saved a search is told, however many others are told of the same animal.
        """
        if not self._channels and not _confirmed_mail(connection, alert.user_id):
            return False
        lately, bounds = _count_lately(now), self._settings
        of_user = lately.where(_begins(_prefix(ALERT, alert.user_id)))
        if (connection.scalar(of_user) or 0) >= bounds.alerts_per_visitor_week:
            return False
        mine = select(users.c.user_id).where(users.c.user_id == alert.user_id)
        if alert.search is not None:
            saved = select(_ROW.name).where(_ROW.name == _name_of(alert.user_id, alert.search))
            refused = connection.scalar(mine.where(has_word(NO))) is not None
            return not refused and connection.scalar(saved) is not None
        of_animal = lately.where(_ROW.queue == alert.animal_id)
        if (connection.scalar(of_animal) or 0) >= bounds.alerts_per_animal:
            return False
        return connection.scalar(mine.where(has_word(YES))) is not None

    def _deliver(self, connection: Connection, news: Notification) -> None:
        # Whoever confirmed an address is a user of this site alone: the webhook knows them not.
        if mail := _confirmed_mail(connection, str(news.details["userId"])):
            stop = str(news.details["stopUrl"])
            news = replace(news, recipient=mail, mail=f"{news.text}\n", unsubscribe=stop)
        channels = ("email",) if mail else self._channels
        rows = [asdict(as_work(Delivery(news, one))) for one in channels]
        if rows:
            insert_new(connection, work, rows)

    def sent(self, user_id: str) -> frozenset[str]:
        """The animals that the user was told of, as far as it is kept."""
        mine = select(_ROW.queue).where(_ROW.kind == ALERT, _begins(_prefix(ALERT, user_id)))
        return frozenset(self._scalars(mine))

    def newest(self, limit: int, user_id: str | None = None) -> list[SentAlert]:
        """Alerts that are kept, the newest first: of a user, or of all."""
        wanted = select(_ROW.payload, _ROW.created_at).where(_ROW.kind == ALERT)
        if user_id is not None:
            wanted = wanted.where(_begins(_prefix(ALERT, user_id)))
        rows = self._rows(wanted.order_by(_ROW.created_at.desc(), _ROW.name).limit(limit))
        found = [(msgspec.json.decode(payload), at) for payload, at in rows]
        return [
            SentAlert(of["userId"], of["animalId"], news["subject"], of["search"], at)
            for news, at in found
            for of in [news["details"]]
        ]

    def room(self, now: int) -> "Room":
        """Return what the bounds leave now."""
        lately = (_ROW.kind == ALERT, _ROW.created_at > now - WEEK)
        rows = self._rows(select(_ROW.name, _ROW.queue).where(*lately))
        users = Counter(name.split(".", 2)[1] for name, _ in rows)
        return Room(self._settings, users, Counter(animal_id for _, animal_id in rows))

    def save(self, user_id: str, search: str, now: int) -> None:
        """Keep a search; once, however often it is saved. Conflict if the user has too many."""
        name = _name_of(user_id, search)
        payload = msgspec.json.encode({"details": {"userId": user_id, "search": search}}).decode()
        row = Work(name, SEARCH, user_id, OPEN, payload, created_at=now)
        mine = select(_ROW.name).where(_ROW.kind == SEARCH, _ROW.queue == user_id)
        with self._database.writing() as connection:
            names = set(connection.scalars(mine))
            if name not in names and len(names) >= MOST_SEARCHES:
                raise Conflict(
                    f"you have {MOST_SEARCHES} searches saved already: stop one on your page first"
                )
            insert_new(connection, work, [asdict(row)])

    def first_found(self, animals: Sequence[str], now: int) -> dict[str, int]:
        """Keep which animals are available; return when each was first found to be, or 0.

        It is 0 for those of the first call, as nobody knows when they came.
        """
        wanted = select(agreements.c.value).where(agreements.c.name == _FOUND)
        with self._database.writing() as connection:
            kept = connection.scalar(wanted)
            before = msgspec.json.decode(kept or "{}", type=dict[str, int])
            found = {one: before.get(one, now if kept else 0) for one in animals}
            row = {"name": _FOUND, "value": msgspec.json.encode(found).decode()}
            upsert(connection, agreements, [row])
        return found

    def searches(self, limit: int, user_id: str | None = None) -> list[SavedSearch]:
        """Saved searches, the newest first: of a user, or of all."""
        wanted = select(_ROW.payload, _ROW.created_at).where(_ROW.kind == SEARCH)
        if user_id is not None:
            wanted = wanted.where(_ROW.queue == user_id)
        rows = self._rows(wanted.order_by(_ROW.created_at.desc(), _ROW.name).limit(limit))
        found = ((msgspec.json.decode(payload)["details"], at) for payload, at in rows)
        return [SavedSearch(one["userId"], one["search"], at) for one, at in found]

    def remove(self, user_id: str, search: str | None = None) -> None:
        """Forget a saved search of the user, or all."""
        which = _ROW.queue == user_id
        if search is not None:
            which &= _ROW.name == _name_of(user_id, search)
        self._execute(delete(work).where(_ROW.kind == SEARCH, which))

    def report_stop(self, news: Notification) -> None:
        """Store for the site that a user wishes to be told no more."""
        with self._database.writing() as connection:
            self._deliver(connection, news)

    def forget(self, now: int) -> None:
        """Forget alerts that are older than the settings say."""
        if days := self._settings.alert_days:
            before = now - max(days * DAY, WEEK)
            self._execute(delete(work).where(_ROW.kind == ALERT, _ROW.created_at < before))

    def key(self) -> bytes:
        """The key of links, the same for all servers; made once."""
        wanted = select(agreements.c.value).where(agreements.c.name == _KEY)
        if (known := self._scalar(wanted)) is None:
            with self._database.writing() as connection:
                row = {"name": _KEY, "value": secrets.token_hex(32)}
                insert_new(connection, agreements, [row])
                known = connection.scalar(wanted)
        return bytes.fromhex(str(known))


class Room(msgspec.Struct, frozen=True):
    """Alerts of the last week, for those who write many; `AlertBook.add` counts anew."""

    _settings: AlertSettings
    _users: Counter[str]
    _animals: Counter[str]

    def of_user(self, user_id: str) -> int:
        """Number of animals that the user may still be told of."""
        sent = self._users[visitor_digest(USER, user_id)]
        return self._settings.alerts_per_visitor_week - sent

    def of_animal(self, animal_id: str) -> int:
        """Number of users who may still be told of the animal."""
        return self._settings.alerts_per_animal - self._animals[animal_id]

    def fill(self, user_id: str, animal_id: str) -> None:
        """Count an alert that was written."""
        self._users[visitor_digest(USER, user_id)] += 1
        self._animals[animal_id] += 1


def _count_lately(now: int) -> Select[Any]:
    # One clock may be ahead of another: what seems to be of the future counts as well.
    lately = (_ROW.kind == ALERT, _ROW.created_at > now - WEEK)
    return select(func.count()).select_from(work).where(*lately)


def _name_of(user_id: str, search: str) -> str:
    return f"{_prefix(SEARCH, user_id)}{sha256(search.encode()).hexdigest()[:32]}"


class AddressBook(TableAccess):
    """Stores addresses and the wishes that wait to be confirmed."""

    def ask(self, wish: AddressWish, write: Callable[[str], Notification], now: int) -> None:
        """Store a wish with the mail that `write` makes for its token.

        The same wish again within a day sends no second mail. TooManyRequests if the address was
        written to `MOST_ASKED` times within a day.
        """
        token = secrets.token_hex(16)
        mail = as_work(Delivery(write(token), "email"))
        row = _row(wish, token, OPEN, now)
        lately = self._mine(wish.user_id, OPEN) & (_ROW.created_at > now - DAY)
        with self._database.writing() as connection:
            payloads = list(connection.scalars(select(_ROW.payload).where(lately)))
            if row["payload"] in payloads:
                return
            if len(payloads) >= MOST_ASKED:
                raise TooManyRequests("this address had its mails today", retry_after=DAY // SECOND)
            insert_new(connection, work, [row, asdict(mail)])

    def waiting(self, user_id: str, token: str, now: int) -> AddressWish | None:
        """Return the wish of a link; None if the link is unknown or too old."""
        named = _ROW.name == f"{_prefix(ADDRESS, user_id)}{token}"
        fresh = _ROW.created_at > now - LINK_DAYS * DAY
        found = self._scalar(select(_ROW.payload).where(named, fresh, _ROW.state == OPEN))
        return None if found is None else _wish_of(found)

    def confirm(self, wish: AddressWish, now: int) -> None:
        """Write to the address of a wish from now on; one that is known stays as it is."""
        with self._database.writing() as connection:
            insert_new(connection, work, [_row(wish, _CONFIRMED, _CONFIRMED, now)])

    def mails(self, user_ids: Collection[str]) -> dict[str, str]:
        """Return the confirmed address of each user who has one."""
        with self._database.reading() as connection:
            found = {one: _confirmed_mail(connection, one) for one in set(user_ids)}
        return {user_id: mail for user_id, mail in found.items() if mail}

    def remove(self, user_id: str) -> None:
        """Forget the address of a user, and the messages to it, sent or not."""
        for deletion in (*_delete_deliveries([user_id]), delete(work).where(self._mine(user_id))):
            self._execute(deletion)

    def forget(self, now: int) -> None:
        """Forget addresses that nobody confirmed in time, and the mails to them."""
        old = (_ROW.kind == ADDRESS) & (_ROW.state == OPEN)
        old &= _ROW.created_at <= now - LINK_DAYS * DAY
        for name, user_id in self._rows(select(_ROW.name, _ROW.queue).where(old)):
            for deletion in _delete_wish(name, user_id):
                self._execute(deletion)

    def _mine(self, user_id: str, *states: str) -> ColumnElement[bool]:
        mine = (_ROW.kind == ADDRESS) & (_ROW.queue == user_id)
        return mine & _ROW.state.in_(states) if states else mine


def _confirmed_mail(connection: Connection, user_id: str) -> str:
    """Return the confirmed address of a user, within a transaction; empty without any."""
    wanted = select(_ROW.payload).where(_ROW.name == f"{_prefix(ADDRESS, user_id)}{_CONFIRMED}")
    found = connection.scalar(wanted)
    return "" if found is None else _wish_of(found).mail


def _row(wish: AddressWish, token: str, state: str, now: int) -> dict[str, Any]:
    name = f"{_prefix(ADDRESS, wish.user_id)}{token}"
    payload = msgspec.json.encode(_WishPayload(wish)).decode()
    return asdict(Work(name, ADDRESS, wish.user_id, state, payload, created_at=now))


class VisitorAlerts(TableAccess):
    """The alerts, their deliveries, the saved searches and the addresses of visitors."""

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """See `RowsOfPlugin.deletions`. An alert that was on its way meanwhile goes as well."""
        if DEFAULT_DATASET_GROUP not in groups:
            return
        asked = []
        for name, state, wish in self._wishes(_ROW.created_at <= erasure.noted_at):
            # Whoever typed somebody else's address erases nothing of theirs: only the wish.
            if wish.session_id in names.sessions and state == OPEN:
                yield from _delete_wish(name, wish.user_id)
            elif wish.session_id in names.sessions:
                asked.append(wish.user_id)
        for part in in_parts((*names.users, *asked)):
            yield from _delete_deliveries(part)
            # The address last: by it the others are found again where this breaks off.
            for kind in (ALERT, SEARCH, ADDRESS):
                prefixes = [_prefix(kind, one) for one in part]
                begin = func.substr(_ROW.name, 1, len(prefixes[0]))
                mine = (_ROW.kind == kind) & begin.in_(prefixes)
                if kind != ALERT:
                    mine &= _ROW.created_at <= erasure.noted_at
                if kind == ADDRESS:
                    theirs = users.c.user_id.in_([one for one in part if one in asked])
                    yield delete(users).where(_IN_GROUP, theirs)
                yield delete(work).where(mine)

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """See `RowsOfPlugin.find`."""
        if DEFAULT_DATASET_GROUP not in groups:
            return set()
        ours = or_(_ROW.kind.in_((ALERT, SEARCH, ADDRESS)), _begins("delivery.alert-"))
        payloads = self._scalars(select(_ROW.payload).where(ours))
        decode = msgspec.json.Decoder(_Payload).decode
        users_named = {decode(one).details.user_id for one in payloads}
        named = {(USER, one) for one in users_named}
        named |= {(SESSION, wish.session_id) for _, _, wish in self._wishes(true())}
        found = ((kind, name, visitor_digest(kind, name)) for kind, name in named)
        return {one for one in found if one[2] in visitors}

    def _wishes(self, which: ColumnElement[bool]) -> list[tuple[str, str, AddressWish]]:
        wanted = select(_ROW.name, _ROW.state, _ROW.payload).where(_ROW.kind == ADDRESS, which)
        return [(name, state, _wish_of(payload)) for name, state, payload in self._rows(wanted)]


VISITOR_ROWS = (VisitorAlerts,)
