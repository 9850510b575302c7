"""Templates to responses: escaped, under a strict content policy, never kept by caches."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from urllib.parse import quote, urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from pawsonalize.ui import words
from pawsonalize.ui.embed import EMBED
from pawsonalize.wing import installed

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images};"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # "Back" must show the new order, so browsers may not bring a page back from their cache.
    "Cache-Control": "no-store",
}


def render(template: str, **content: object) -> str:
    """The template's text with the content filled in, escaped."""
    return _TEMPLATES.get_template(template).render(content)


def page(template: str, status: int = 200, **content: object) -> HTMLResponse:
    """A page, all of which comes from this server."""
    headers = _HEADERS | {"Content-Security-Policy": _POLICY.format(images="'self'")}
    return HTMLResponse(render(template, **content), status, headers)


def animals_page(template: str, **content: object) -> HTMLResponse:
    """A page with animals, whose photos are where their shelters keep them."""
    images = "'self' https: http:"
    headers = _HEADERS | {"Content-Security-Policy": _POLICY.format(images=images)}
    return HTMLResponse(render(template, **content), headers=headers)


def path_of(animal_id: str) -> str:
    """Return the path of an animal's page; an id may be any text."""
    return f"/animals/{quote(animal_id, safe='')}"


def with_query(path: str, fields: Mapping[str, str]) -> str:
    """A path with what it is asked for; fields without a value are left out."""
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"{path}?{query}" if query else path


def prose(text: str) -> Markup:
    """Text with what stands between backticks as code: commands say what to type in this way."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _packages(folder: str) -> dict[str, str]:
    """Return the packages of wings that have such a folder, by the wing's name."""
    packages = {wing.name: f"pawsonalize.wings.{wing.name}" for wing in installed()}
    return {
        name: package
        for name, package in packages.items()
        if files(package).joinpath(folder).is_dir()
    }


def static_files() -> list[BaseRoute]:
    """Return the route of scripts, stylesheets and pictures, also of those in wings."""
    packages = ["pawsonalize.ui", *_packages("static").values()]
    return [Mount("/static", StaticFiles(packages=[(one, "static") for one in packages]))]


@cache
def static(name: str, wing: str = "") -> str:
    """Return the path of a static file, which changes with its content so that no copy is old."""
    package = f"pawsonalize.wings.{wing}" if wing else "pawsonalize.ui"
    content = files(package).joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:8]}"


_WINGS = {name: PackageLoader(package) for name, package in _packages("templates").items()}
_TEMPLATES = Environment(
    # A wing's templates stand below its name: `tenants/tenant.html`.
    loader=ChoiceLoader([PackageLoader("pawsonalize.ui"), PrefixLoader(_WINGS)]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {
    "embed": EMBED,
    "script": static("site.js"),
    "stylesheet": static("site.css"),
    "api_script": static("api.js"),
    "api_stylesheet": static("api.css"),
    "static": static,
    "path_of": path_of,
    "with_query": with_query,
}
_TEMPLATES.filters |= {
    "ago": words.ago,
    "bytes": words.size_in_bytes,
    "day": words.day,
    "deed": words.deed,
    "group": words.group_in_words,
    "short": words.short,
    "lasting": words.duration_in_words,
    "moment": words.moment,
    "prose": prose,
}
