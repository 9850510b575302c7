"""Templates to responses: escaped, under a strict content policy, never kept by caches."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from pawsonalize.core.late import late
from pawsonalize.core.plugin import installed
from pawsonalize.site import languages, words

if TYPE_CHECKING:
    import jinja2
else:
    jinja2 = late("jinja2")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images};"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PACKED = (Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5),)
"""Middleware of routes whose answers are sent with gzip to browsers that take it."""
_HEADERS = {
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # "Back" must show the new order, so browsers may not bring a page back from their cache.
    "Cache-Control": "no-store",
}


def render(template: str, **content: object) -> str:
    """Return the template's text with the content filled in, escaped."""
    return _templates().get_template(template).render(content)


def page(template: str, status: int = 200, **content: object) -> HTMLResponse:
    """Return a page, all of which comes from this server."""
    return _response(template, status, "'self'", content)


def animals_page(template: str, status: int = 200, **content: object) -> HTMLResponse:
    """Return a page with animals, whose photos are where their shelters keep them."""
    return _response(template, status, "'self' https: http:", content)


def _response(template: str, status: int, images: str, content: dict[str, object]) -> HTMLResponse:
    headers = _HEADERS | {"Content-Security-Policy": _POLICY.format(images=images)}
    return HTMLResponse(render(template, **content), status, headers)


def path_of(animal_id: str) -> str:
    """Return the path of an animal's page; an id may be any text."""
    return f"/animals/{quote(animal_id, safe='')}"


def console_path_of(animal_id: str) -> str:
    """Return the path of an animal's page on the console, below which no other page is."""
    return f"/console/animals/id/{quote(animal_id, safe='')}"


def with_query(path: str, fields: Mapping[str, str]) -> str:
    """Return a path with a query; fields without a value are left out."""
    query = urlencode({name: value for name, value in fields.items() if value})
    return f"{path}?{query}" if query else path


def prose(text: str) -> Markup:
    """Return text, escaped, with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def _packages(folder: str) -> dict[str, str]:
    return {
        plugin.name: plugin.folder
        for plugin in installed()
        if files(plugin.folder).joinpath(folder).is_dir()
    }


def static_files() -> list[BaseRoute]:
    """Return the route of scripts, stylesheets and pictures, also of those in plugins."""
    packages = ["pawsonalize.site", *_packages("static").values()]
    files_ = StaticFiles(packages=[(one, "static") for one in packages])
    return [Mount("/static", files_, middleware=PACKED)]


@cache
def embed_address() -> str:
    """Return the address of the client for pages of any site, while it stays as it is."""
    content = files("pawsonalize.site").joinpath("static", "embed.js").read_bytes()
    return f"/embed.js?v={hashlib.sha256(content).hexdigest()[:16]}"


@cache
def static(name: str, plugin: str = "") -> str:
    """Return the path of a static file, which changes with its content so that no copy is old."""
    package = f"pawsonalize.plugins.{plugin}" if plugin else "pawsonalize.site"
    content = files(package).joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:8]}"


@cache
def _templates() -> "jinja2.Environment":
    plugins = {name: jinja2.PackageLoader(one) for name, one in _packages("templates").items()}
    found = jinja2.Environment(
        # A plugin's templates stand below its name: `tenants/tenant.html`.
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("pawsonalize.site"), jinja2.PrefixLoader(plugins)]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "embed": embed_address(),
        "script": static("site.js"),
        "stylesheet": static("site.css"),
        "api_script": static("api.js"),
        "api_stylesheet": static("api.css"),
        "static": static,
        "t": languages.text,
        "language": languages.spoken,
        "language_names": languages.language_names,
        "script_texts": languages.script_texts,
        "path_of": path_of,
        "console_path_of": console_path_of,
        "with_query": with_query,
    }
    found.filters |= {
        "ago": words.ago,
        "bytes": words.size_in_bytes,
        "day": words.day,
        "deed": words.deed,
        "group": words.group_in_words,
        "reason": languages.reason,
        "short": words.short,
        "value": languages.value,
        "lasting": words.duration_in_words,
        "moment": words.moment,
        "prose": prose,
    }
    return found
