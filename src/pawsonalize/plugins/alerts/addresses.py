"""E-mail addresses of visitors: asked for on the site, confirmed by a link, kept in this table.

Nothing but the mail with the link is sent to an address before its owner confirms it. Whoever
confirms is a user from then on, whose id is made from the address and does not show it.
"""

import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, Delete, delete, func, select

from pawsonalize.core.database.statements import in_parts, insert_new
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import work
from pawsonalize.core.errors import TooManyRequests
from pawsonalize.core.event import USER, visitor_digest
from pawsonalize.core.notifications import Notification
from pawsonalize.core.times import DAY, SECOND
from pawsonalize.core.work.problems import Delivery, as_work
from pawsonalize.core.work.tables import OPEN, Work
from pawsonalize.plugins.alerts.messages import AddressWish, news_id

ADDRESS = "alert-address"
LINK_DAYS = 3
"""A link that confirms an address is good for so many days."""
MOST_ASKED = 3
"""Mails with such a link to one address within a day."""
_CONFIRMED = "confirmed"
_ROW = work.c


class _Payload(msgspec.Struct, frozen=True):
    details: AddressWish


def wish_of(payload: str) -> AddressWish:
    """Read the payload of a row."""
    return msgspec.json.decode(payload, type=_Payload).details


def row_prefix(kind: str, user_id: str) -> str:
    """Prefix of the names of a user's rows of a kind."""
    return f"{kind}.{visitor_digest(USER, user_id)}."


def begins_with(prefix: str) -> ColumnElement[bool]:
    """True if the name of a row begins so."""
    return func.substr(_ROW.name, 1, len(prefix)) == prefix


def delete_deliveries(user_ids: Sequence[str], rest: str = "") -> Iterator[Delete]:
    """Yield what deletes the messages about users, sent or not; they hold the address as well."""
    for part in in_parts(user_ids):
        prefixes = [f"delivery.{news_id(one, rest)}" for one in part]
        yield delete(work).where(func.substr(_ROW.name, 1, len(prefixes[0])).in_(prefixes))


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
                raise TooManyRequests(
                    f"{MOST_ASKED} mails went to this address within a day",
                    retry_after=DAY // SECOND,
                )
            insert_new(connection, work, [row, asdict(mail)])

    def waiting(self, user_id: str, token: str, now: int) -> AddressWish | None:
        """Return the wish of a link; None if the link is unknown or too old."""
        named = _ROW.name == f"{row_prefix(ADDRESS, user_id)}{token}"
        fresh = _ROW.created_at > now - LINK_DAYS * DAY
        found = self._scalar(select(_ROW.payload).where(named, fresh, _ROW.state == OPEN))
        return None if found is None else wish_of(found)

    def confirm(self, wish: AddressWish, now: int) -> None:
        """Write to the address of a wish from now on."""
        with self._database.writing() as connection:
            connection.execute(delete(work).where(self._mine(wish.user_id, _CONFIRMED)))
            insert_new(connection, work, [_row(wish, _CONFIRMED, _CONFIRMED, now)])

    def mails(self, user_ids: Collection[str]) -> dict[str, str]:
        """Return the confirmed address of each user who has one."""
        names = [f"{row_prefix(ADDRESS, one)}{_CONFIRMED}" for one in set(user_ids)]
        found = [
            wish_of(payload)
            for part in in_parts(names)
            for payload in self._scalars(select(_ROW.payload).where(_ROW.name.in_(part)))
        ]
        return {one.user_id: one.mail for one in found}

    def remove(self, user_id: str) -> None:
        """Forget the address of a user, and the messages to it, sent or not."""
        for deletion in (*delete_deliveries([user_id]), delete(work).where(self._mine(user_id))):
            self._execute(deletion)

    def forget(self, now: int) -> None:
        """Forget addresses that nobody confirmed in time, and the mails to them."""
        old = (_ROW.kind == ADDRESS) & (_ROW.state == OPEN)
        old &= _ROW.created_at <= now - LINK_DAYS * DAY
        for name, user_id in self._rows(select(_ROW.name, _ROW.queue).where(old)):
            for deletion in delete_deliveries([user_id], f"ask-{name.rsplit('.', 1)[1]}"):
                self._execute(deletion)
        self._execute(delete(work).where(old))

    def _mine(self, user_id: str, *states: str) -> ColumnElement[bool]:
        mine = (_ROW.kind == ADDRESS) & (_ROW.queue == user_id)
        return mine & _ROW.state.in_(states) if states else mine


def confirmed_mail(connection: Connection, user_id: str) -> str:
    """Return the confirmed address of a user, within a transaction; empty without any."""
    wanted = select(_ROW.payload).where(_ROW.name == f"{row_prefix(ADDRESS, user_id)}{_CONFIRMED}")
    found = connection.scalar(wanted)
    return "" if found is None else wish_of(found).mail


def _row(wish: AddressWish, token: str, state: str, now: int) -> dict[str, Any]:
    name = f"{row_prefix(ADDRESS, wish.user_id)}{token}"
    payload = msgspec.json.encode(_Payload(wish)).decode()
    return asdict(Work(name, ADDRESS, wish.user_id, state, payload, created_at=now))
