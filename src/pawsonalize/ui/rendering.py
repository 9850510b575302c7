"""Templates to responses: escaped, under a strict content policy, never kept by caches."""

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from pawsonalize.ui import words
from pawsonalize.ui.embed import EMBED

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
    asked = urlencode({name: value for name, value in fields.items() if value})
    return f"{path}?{asked}" if asked else path


def prose(text: str) -> Markup:
    """Text with what stands between backticks as code: commands say what to type in this way."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _static(name: str) -> str:
    """A static file's path, which changes with its content so that no old copy is used."""
    content = files("pawsonalize.ui").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:8]}"


_TEMPLATES = Environment(
    loader=PackageLoader("pawsonalize.ui"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {
    "embed": EMBED,
    "script": _static("site.js"),
    "stylesheet": _static("site.css"),
    "console_script": _static("console.js"),
    "console_stylesheet": _static("console.css"),
    "api_script": _static("api.js"),
    "api_stylesheet": _static("api.css"),
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
    "lasting": words.lasting,
    "moment": words.moment,
    "prose": prose,
}
