"""Settings in force, and suspected bots, as the console shows them."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from pawsonalize.config import Secret
from pawsonalize.engine.training.data_checks import bots_among
from pawsonalize.settings import Settings, kinds_of_settings
from pawsonalize.wings.console.views.service import SettingInForce


def settings_in_force(settings: Settings, sources: Mapping[str, str]) -> list[SettingInForce]:
    """Every setting by name; of secrets, and of passwords in addresses, nothing is shown."""
    usual = Settings()
    found = []
    for name in sorted(kinds_of_settings()):
        value = settings.value(name)
        is_secret = isinstance(usual.value(name), Secret)
        is_default = value == usual.value(name)
        source = sources.get(name, "the default" if is_default else "the program that started it")
        shown = ("set" if value else "") if is_secret else _without_passwords(str(value))
        found.append(SettingInForce(name, shown, source, is_default, is_secret))
    return found


_PASSWORD = re.compile(r"(://[^:/@\s]*):\S*@")
_QUERY = re.compile(r"\?\S*")


def _without_passwords(text: str) -> str:
    """Addresses without a password, and without what their queries may hold."""
    if "://" not in text:
        return text
    return _QUERY.sub("?…", _PASSWORD.sub(r"\1:…@", text))


def suspected_bots(
    settings: Settings, visitors: Sequence[str], items: Sequence[str], times: Sequence[int]
) -> list[str]:
    """Those of the visitors that may be bots, by the settings of the checks before a training."""
    if not visitors:
        return []
    names, user = np.unique(np.array(visitors, object), return_inverse=True)
    _, item = np.unique(np.array(items, object), return_inverse=True)
    time = np.array(times, np.int64)
    order = np.lexsort((time, user))
    found = bots_among(user[order], item[order], time[order], len(names), settings.checks)
    return [str(names[one]) for one in found]
