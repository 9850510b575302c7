"""Access keys are made and removed on the console, as by `pawsonalize keys`."""

from starlette.requests import Request

from pawsonalize.access.rates import check_rate
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import DAY, iso
from pawsonalize.kinds.access_keys import AccessKey, Scope
from pawsonalize.pages.actions import Confirmation, Done, Fields
from pawsonalize.pages.shell import services_of
from pawsonalize.ui.words import moment
from pawsonalize.wings.console.console import Console

KEYS = "/console/settings/keys"
_MOST_DIGITS = 5


def _scopes(fields: Fields) -> list[Scope]:
    scopes = list(filter(fields.get, Scope))
    if not scopes:
        raise InvalidInput(f"give the key a scope: {', '.join(Scope)}", field="scopes")
    return scopes


def _end(fields: Fields, now: int) -> int | None:
    days = fields.get("days", "")
    if days and not (days.isdecimal() and len(days) <= _MOST_DIGITS and int(days)):
        raise InvalidInput(
            f"a key ends in {days[:40]} days: write a whole number, 1 to 99,999", field="days"
        )
    return now + int(days) * DAY if days else None


def ask_create(request: Request, fields: Fields) -> Confirmation:
    """Say what the key will be for."""
    services = services_of(request)
    end, group = _end(fields, services.now()), fields.get("datasetGroup")
    pages = ", ".join(fields.get("origins", "").split()) or "no site but this one"
    return Confirmation(
        title=f"Make a key with {', '.join(_scopes(fields))}",
        effects=(
            f"It reaches dataset group {group} alone." if group else "It reaches everything.",
            f"A browser may use it on pages of {pages}.",
            f"It ends {moment(iso(end))}." if end else "It never ends by itself.",
            "Its secret is shown once, on the next page.",
        ),
        button="Make it",
        back=KEYS,
        fields=fields,
    )


def create(request: Request, fields: Fields) -> Done:
    """Make the key; InvalidInput for an origin or a rate that is none."""
    services, console = services_of(request), Console.of(request.app.state.wings)
    rate, now = fields.get("rate", ""), services.now()
    check_rate(rate, "the rate")
    key, secret = console.keys.create(
        _scopes(fields),
        fields.get("note", ""),
        now,
        dataset_group=fields.get("datasetGroup") or None,
        origins=fields.get("origins", "").split(),
        rate=rate,
        expires_at=_end(fields, now),
    )
    once = {
        "PAWSONALIZE_KEY": f"{key.name}.{secret}",
        "AWS_ACCESS_KEY_ID": key.name,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
    return Done(KEYS, f"Key {key.name} is made.", key.name, once)


def ask_remove(request: Request, fields: Fields) -> Confirmation:
    """Say whose key it is."""
    services = services_of(request)
    key = services.registry.get(AccessKey, fields.get("key", ""))
    return Confirmation(
        title=f"Remove key {key.name}",
        effects=(
            f"It is for: {key.note or 'nobody wrote down whom'}. It may: {', '.join(key.scopes)}.",
            "Every server refuses it within a second, and sessions that began with it end.",
            "It does not come back: make another one, or rotate it before, where it is still used.",
        ),
        button="Remove",
        back=KEYS,
        fields={"key": key.name},
    )


def remove(request: Request, fields: Fields) -> Done:
    """Take the key back."""
    console = Console.of(request.app.state.wings)
    name = fields.get("key", "")
    console.keys.delete(name)
    return Done(KEYS, f"Key {name} is removed.", name)
