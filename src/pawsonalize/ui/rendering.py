"""Templates to responses: escaped, under a strict content policy, never kept by caches."""

import hashlib
from importlib.resources import files
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from pawsonalize.ui import words

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # "Back" must show the new order, so browsers may not bring a page back from their cache.
    "Cache-Control": "no-store",
}


def render(template: str, **content: object) -> str:
    """The template's text with the content filled in, escaped."""
    return _TEMPLATES.get_template(template).render(content)


def page(template: str, status: int = 200, **content: object) -> HTMLResponse:
    """A page of the site."""
    return HTMLResponse(render(template, **content), status, _HEADERS)


def path_of(animal_id: str) -> str:
    """Where an animal's page is; an id may be any text."""
    return f"/animals/{quote(animal_id, safe='')}"


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
    "script": _static("site.js"),
    "stylesheet": _static("site.css"),
    "console_script": _static("console.js"),
    "console_stylesheet": _static("console.css"),
    "api_script": _static("api.js"),
    "api_stylesheet": _static("api.css"),
    "path_of": path_of,
}
_TEMPLATES.filters |= {
    "ago": words.ago,
    "bytes": words.size_in_bytes,
    "day": words.day,
    "deed": words.deed,
    "group": words.group_in_words,
    "lasting": words.lasting,
    "moment": words.moment,
}
