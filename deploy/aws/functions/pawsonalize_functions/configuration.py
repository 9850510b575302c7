"""The function's environment, and the Parameter Store entries that it names."""

import os
import time

from pawsonalize_functions.clients import client

_KEPT_SECONDS = 60.0
_kept: dict[str, tuple[float, str]] = {}


def setting(name: str) -> str:
    """An environment variable; RuntimeError if it is missing."""
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"the environment variable {name} is missing: set it for this function")
    return value


def setting_or(name: str, value: str) -> str:
    """An environment variable, or the value where it is missing."""
    return os.environ.get(name) or value


def is_on(name: str) -> bool:
    """Whether the environment variable says true."""
    return setting(name).strip().lower() == "true"


def parameter(name: str) -> str:
    """The value of the Parameter Store entry that the environment variable names.

    It is read once a minute.
    """
    path = setting(name)
    expires, value = _kept.get(path, (0.0, ""))
    now = time.monotonic()
    if now >= expires:
        value = client("ssm").get_parameter(Name=path)["Parameter"]["Value"]
        _kept[path] = (now + _KEPT_SECONDS, value)
    return value


def write_parameter(name: str, value: str) -> None:
    """Overwrite the Parameter Store entry that the environment variable names."""
    path = setting(name)
    client("ssm").put_parameter(Name=path, Value=value, Type="String", Overwrite=True)
    _kept.pop(path, None)


def forget() -> None:
    """Read every entry anew when it is asked for next."""
    _kept.clear()
