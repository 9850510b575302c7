"""`pawsonalize status`: one screen that says whether all is well."""

from typing import TYPE_CHECKING

import msgspec

from pawsonalize import clock
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json
from pawsonalize.cli.terminal import print_listing
from pawsonalize.domain.times import DAY, HOUR, MINUTE, SECOND, parse_moment
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pawsonalize.app.service_state import CampaignModel, ServiceState


def status(data_dir: DataDir = None, json: Json = False) -> None:
    """Show on one screen whether all is well: servers, freshness, models, the last verdict.

    Exit code 0, whatever it finds; `pawsonalize doctor` looks at more, and has an exit code.

    Example: pawsonalize status
    """
    from pawsonalize.app.service_state import service_state

    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    with opened(settings) as adapters:
        found = service_state(settings, adapters, now)
    if json:
        print(msgspec.json.encode(found).decode())
    else:
        _print(found, now)


def _print(found: "ServiceState", now: int) -> None:
    from rich.text import Text

    rows = (
        (Text(name, style="red" if name.startswith("!") else ""), words)
        for name, words in _lines(found, now)
    )
    print_listing(("", ""), rows, 140)


def _lines(found: "ServiceState", now: int) -> "Iterator[tuple[str, str]]":
    count = len(found.attention)
    needs = "1 thing needs" if count == 1 else f"{count} things need"
    well = "all is well" if found.servers else "nothing is wrong, but no server runs"
    yield "health", f"{needs} attention, see below" if count else well
    yield "data", f"{found.data_folder} (Pawsonalize {found.version})"
    yield "engine", found.engine
    for one in found.servers:
        sure = "" if one.lives else ", not heard of yet"
        yield "server", f"{one.place}: {', '.join(one.roles)}, for {_ago(one.since, now)}{sure}"
    if not found.servers:
        yield "server", "none runs: start one with `pawsonalize serve`"
    newest = found.newest_event_at
    fresh = "none yet" if newest is None else f"the newest came in {_ago(newest, now)} ago"
    yield "events", f"{found.events:,}; {fresh}"
    yield "animals", f"{found.animals:,} available"
    for model in found.models:
        yield f"campaign {model.campaign}", _model(model, now)
    if found.last_retraining is None:
        yield "last retraining", "none yet"
    else:
        last = found.last_retraining
        began = f"{last.status}, begun {_ago(last.started_at, now)} ago"
        yield "last retraining", f"{began}: {last.reason}" if last.reason else began
        yield "", f"more: pawsonalize runs show {last.run}"
    yield "retrains", found.schedule or "when you ask it to (retrain_schedule is empty)"
    for finding in found.attention:
        move = f"\n→ {finding.next_move}" if finding.next_move else ""
        yield f"! {finding.check}", f"{finding.message}{move}"


def _model(model: "CampaignModel", now: int) -> str:
    if model.solution_version is None:
        return "serves no model yet"
    text = model.solution_version
    if not model.serves:
        text += " (served once a server runs)"
    if model.remote is not None:
        text += " (at Amazon Personalize)"
    if model.trained_as_of is not None:
        text += f", trained {_ago(model.trained_as_of, now)} ago"
    if model.counts_as_of is not None:
        text += f", counts from {_ago(model.counts_as_of, now)} ago"
    return text


def _ago(moment: str, now: int) -> str:
    """Return the time since a moment, in the largest unit that fits."""
    passed = max(0, now - parse_moment(moment, "moment"))
    for size, unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")):
        if passed >= size:
            count = passed // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a second"
