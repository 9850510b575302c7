"""The quiz: what a visitor is looking for, asked in one short form and kept in a cookie."""

from dataclasses import asdict, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import Preferences
from pawsonalize.ui import words
from pawsonalize.ui.endpoints import (
    Fields,
    forget_answers,
    read_answers,
    remember,
    remember_answers,
    see,
)
from pawsonalize.ui.rendering import page
from pawsonalize.ui.storefront import Storefront

_ANIMALS = (
    ("species", "Which animals?", words.SPECIES),
    ("size", "Which size?", words.SIZES),
    ("age", "Which age?", words.AGES),
)
_HOUSEHOLD = (("kids", "children"), ("dogs", "dogs"), ("cats", "cats"))
_STATED_AT = "said"
_YES_OR_NO = {"yes": True, "no": False}


def preferences_of(request: Request) -> Preferences:
    """Return the answers in the cookie; none without one, or without answers."""
    return _read(dict(parse_qsl(read_answers(request))))


def get_looking_for(request: Request, _visitor: Visitor) -> Response:
    """Show the form with the answers there are."""
    answers = preferences_of(request)
    return page(
        "looking_for.html",
        animals=[
            (title, name, [(v, text, v in getattr(answers, name)) for v, text in values.items()])
            for name, title, values in _ANIMALS
        ],
        household=[(name, text, getattr(answers, name)) for name, text in _HOUSEHOLD],
        answered=answers != Preferences(),
        site_name=Storefront.of(request).name,
    )


async def post_looking_for(request: Request, visitor: Visitor, fields: Fields) -> Response:
    """Keep the answers, or forget them, and show the animals in the new order."""
    response = see("/")
    now = Storefront.of(request).now()
    answers = Preferences() if "forget" in fields else replace(_read(fields), stated_at=now)
    if answers == Preferences():
        forget_answers(response)
    else:
        remember_answers(request, response, urlencode(_fields(answers)))
    remember(request, response, visitor)
    return response


def as_call(preferences: Preferences) -> dict[str, Any]:
    """The answers as an API call says them; empty without any."""
    given = {name: value for name, value in asdict(preferences).items() if value not in ((), None)}
    stated_at = given.pop("stated_at", None)
    return {"preferences": given | ({"saidAt": stated_at} if stated_at else {})} if given else {}


def in_words(preferences: Preferences) -> str:
    """Such as `small or medium dogs`, empty where no animal was described."""
    parts = [
        " or ".join(values.get(one, one) for one in given)
        for given, values in (
            (preferences.age, words.AGES),
            (preferences.size, words.SIZES),
            (preferences.species, {v: words.species_plural(v).lower() for v in words.SPECIES}),
        )
        if given
    ]
    return " ".join(parts if preferences.species or not parts else [*parts, "animals"])


def _read(fields: Fields) -> Preferences:
    chosen = {
        name: tuple(value for value in values if f"{name}-{value}" in fields)
        for name, _title, values in _ANIMALS
    }
    lives_with = {name: _YES_OR_NO.get(fields.get(name, "")) for name, _ in _HOUSEHOLD}
    stated = fields.get(_STATED_AT, "")
    stated_at = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 15 else None
    return Preferences(**chosen, **lives_with, stated_at=stated_at)  # type: ignore[arg-type]  # names say


def _fields(answers: Preferences) -> dict[str, str]:
    chosen = {
        f"{name}-{value}": "on" for name, _title, _ in _ANIMALS for value in getattr(answers, name)
    }
    lives_with = {name: getattr(answers, name) for name, _ in _HOUSEHOLD}
    home = {k: "yes" if v else "no" for k, v in lives_with.items() if v is not None}
    return (
        chosen | home | ({} if answers.stated_at is None else {_STATED_AT: str(answers.stated_at)})
    )
