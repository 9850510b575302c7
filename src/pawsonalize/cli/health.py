"""`pawsonalize health`: whether the server of this machine answers; made for what restarts it."""

import json
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Annotated

import typer

from pawsonalize.cli.options import Port
from pawsonalize.domain.errors import InvalidInput, PawsonalizeError
from pawsonalize.settings import Settings, load_settings

_SECONDS = 4.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked from here, not listened on


def health(
    ready: Annotated[
        bool, typer.Option("--ready", help="Whether it can answer, not only whether it lives.")
    ] = False,
    port: Port = None,
) -> None:
    """Ask the server of this machine whether it lives. Exit code 1 if it does not, with the reason.

    Example: pawsonalize health --ready
    """
    settings = load_settings({"port": port})
    if not settings.port:
        raise InvalidInput("port is 0, any that is free: say which one with --port", field="port")
    path = "/readyz" if ready else "/healthz"
    try:
        status, answer = _response(settings, path)
    except (OSError, HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise PawsonalizeError(f"nobody answers at port {settings.port}: {reason}") from error
    if status != 200:
        raise PawsonalizeError(f"{path} answers {status}: {_message(answer)}")
    print(answer.decode())


def _response(settings: Settings, path: str) -> tuple[int, bytes]:
    host = _ANYWHERE.get(settings.host, settings.host)
    connection: HTTPConnection
    if settings.tls_certificate:
        # Its names are not this machine's: what answers is known by its port.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = HTTPSConnection(host, settings.port, timeout=_SECONDS, context=context)
    else:
        connection = HTTPConnection(host, settings.port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _message(answer: bytes) -> str:
    """Return the message of an error of ours, else the answer's beginning."""
    try:
        return str(json.loads(answer)["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return answer[:200].decode(errors="replace")
