"""Actions of the console: on campaigns, retrainings and access keys. Each asks before it acts."""

from urllib.parse import quote

import msgspec

from pawsonalize.app.pages.views import Confirmation, Done, PageAction, ViewQuery
from pawsonalize.core import clock
from pawsonalize.core.errors import Conflict, InvalidInput
from pawsonalize.core.http.json import filled
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import DAY, iso
from pawsonalize.operations.limits import check_rate
from pawsonalize.plugins.console.console import Console
from pawsonalize.plugins.console.models import VersionReport, run_report
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.resources.campaigns import Campaign, Days, Rate, Share
from pawsonalize.resources.solutions import Solution
from pawsonalize.site.words import moment
from pawsonalize.train.retrained import Part
from pawsonalize.train.retraining.runs import Trigger

KEYS = "/console/settings/keys"
_MODELS = "/console/models"
_NDCG_AT_5 = "normalized_discounted_cumulative_gain_at_5"
_MOST_DIGITS = 5
_OVERLAP_DAYS = 7  # as `pawsonalize keys rotate` without an option


def _ask_promote(query: ViewQuery) -> Confirmation:
    campaign = query.services.registry.get(Campaign, query.text("campaign"))
    solution = Console.of(query.plugins).models.solution(campaign.solution, query.now)
    name = query.text("version")
    wanted = next((version for version in solution.versions if version.name == name), None)
    if wanted is None:
        raise InvalidInput(f"{name} is none of the newest versions of solution {solution.name}")
    live = campaign.solution_version
    if wanted.name == campaign.target_version:
        raise Conflict(f"campaign {campaign.name} serves {wanted.name} already")
    effects = (
        f"Campaign {campaign.name} serves {live or 'no model'} now.",
        f"It will serve {wanted.name}, trained as of {moment(wanted.as_of)}.",
        "That happens as soon as a server has loaded it. No request fails meanwhile.",
        _measured(wanted),
        _judged(wanted),
        "The next retraining is compared with it."
        + (" You can roll back within a second." if live else ""),
    )
    back, sent = _solution_page(solution.name), _sent(campaign, version=wanted.name)
    return Confirmation(f"Promote {wanted.name}", effects, "Promote", back, sent)


def _promote(query: ViewQuery) -> Done:
    name, version = query.text("campaign"), query.text("version")
    campaign = query.services.campaigns.update(
        name, version, query.now, expected_revision=_revision(query)
    )
    return Done(_solution_page(campaign.solution), f"{name} is about to serve {version}.", name)


def _ask_roll_back(query: ViewQuery) -> Confirmation:
    campaign = query.services.registry.get(Campaign, query.text("campaign"))
    pending, live = campaign.pending, campaign.solution_version
    if pending is not None and live is not None:
        effects: tuple[str, ...] = (
            f"The update of {campaign.name} to {pending.solution_version} is called off.",
            f"It goes on with {live}.",
        )
    elif campaign.previous_version is None:
        raise Conflict(f"campaign {campaign.name} has served no other version to go back to")
    else:
        effects = (
            f"Campaign {campaign.name} serves {live} now.",
            f"It will serve {campaign.previous_version} again, on every server within a second.",
            f"{live} stays, and can be promoted again.",
            "The next retraining may bring a newer version live, if the gate lets it.",
        )
    back, sent = _solution_page(campaign.solution), _sent(campaign)
    return Confirmation(f"Roll {campaign.name} back", effects, "Roll back", back, sent)


def _roll_back(query: ViewQuery) -> Done:
    name = query.text("campaign")
    if query.services.campaigns.get(name).revision != _revision(query):
        raise Conflict(f"campaign {name} was updated by somebody else meanwhile: look again")
    campaign = query.services.campaigns.rollback(name, query.now)
    page = _solution_page(campaign.solution)
    return Done(page, f"{name} serves {campaign.solution_version}.", name)


class ServingChanges(msgspec.Struct, frozen=True, omit_defaults=True):
    """Settings of a campaign that change while it serves."""

    exploration_weight: Share | None = None
    exploration_item_age_cut_off: Days | None = None
    min_provisioned_tps: Rate | None = None


def _serving_changes(query: ViewQuery) -> dict[str, float]:
    """Return the settings that are to change; InvalidInput for none, or for no such numbers."""
    given = filled({name: query.text(name) for name in ServingChanges.__struct_fields__})
    try:
        changes = msgspec.convert(given, ServingChanges, strict=False)
    except msgspec.ValidationError as error:
        written = ", ".join(f"{name} {text[:40]}" for name, text in given.items())
        raise InvalidInput(f"settings cannot be {written}: {error}") from error
    found: dict[str, float] = msgspec.to_builtins(changes)
    if not found:
        raise InvalidInput("nothing is to change: go back, and write a number into a field")
    return found


def _ask_settings(query: ViewQuery) -> Confirmation:
    campaign = query.services.registry.get(Campaign, query.text("campaign"))
    wanted = _serving_changes(query)
    effects = []
    for name, value in wanted.items():
        before = getattr(campaign, name)
        now = "as the service's setting says" if before is None else f"{before:g}"
        effects.append(f"The setting {name} is {now}. It will be {value:g}.")
    effects.append("Servers take it up as soon as one has loaded it. No request fails meanwhile.")
    sent = _sent(campaign, **{name: str(value) for name, value in wanted.items()})
    title = f"Change settings of campaign {campaign.name}"
    return Confirmation(title, tuple(effects), "Change", _solution_page(campaign.solution), sent)


def _change_settings(query: ViewQuery) -> Done:
    name = query.text("campaign")
    campaign = query.services.campaigns.update(
        name, None, query.now, expected_revision=_revision(query), **_serving_changes(query)
    )
    return Done(_solution_page(campaign.solution), f"The settings of {name} are changed.", name)


def _sent(campaign: Campaign, **more: str) -> dict[str, str]:
    return {"campaign": campaign.name, **more, "revision": str(campaign.revision)}


def _measured(wanted: VersionReport) -> str:
    # The numbers that the gate decided by; without any, that of the user split by its name.
    if wanted.gate is not None and wanted.gate.ndcg_at5 is not None:
        rival = wanted.gate.live_ndcg_at5
        live = "" if rival is None else f", that of what was live then {rival:.4f}"
        return f"Its NDCG@5 is {wanted.gate.ndcg_at5:.4f}{live}, as the gate measured it."
    ours = wanted.metrics.get(_NDCG_AT_5)
    if ours is None:
        return "Nobody measured it."
    return f"Its user-split NDCG@5 is {ours:.4f}, which compares with no other version's."


def _judged(wanted: VersionReport) -> str:
    if wanted.gate is None:
        return "The gate has not judged it: nobody checks it before it goes live but you."
    if wanted.gate.fate == "promoted":
        return "The gate has let it go live before."
    return "The gate did not let it go live. You do what it would not."


def _revision(query: ViewQuery) -> int:
    try:
        return int(query.text("revision"))
    except ValueError as error:
        raise InvalidInput("the revision is missing: ask again from the solution's page") from error


def _solution_page(solution: str) -> str:
    return f"/console/models/solutions/{quote(solution, safe='')}"


def _ask_retrain(query: ViewQuery) -> Confirmation:
    if (running := Console.of(query.plugins).models.models(None, query.now).running) is not None:
        raise Conflict(
            f"{running.run_id} is not finished, and one retraining runs at a time: follow it, or"
            " cancel it first"
        )
    solution = query.text("solution") or None
    if solution is not None:
        query.services.registry.get(Solution, solution)
    about = "everything that asks for it" if solution is None else f"solution {solution}"
    effects = (
        "New solution versions are trained on all events that are there by now.",
        "Each is compared with simple baselines and what is live, on the same held-out visitors."
        " It goes live only if the gate lets it.",
        "What is live goes on answering meanwhile. No request fails.",
        "It takes processor time and memory on a server that works. You can cancel it.",
    )
    sent = {} if solution is None else {"solution": solution}
    return Confirmation(f"Retrain {about}", effects, "Retrain", _MODELS, sent)


def _retrain(query: ViewQuery) -> Done:
    part = Part(None, query.text("solution") or None)
    record = query.services.runs.begin(Trigger.SITE, query.now, part=part)
    return Done(_run_page(record.run_id), "The retraining has begun.", record.run_id)


def _ask_cancel(query: ViewQuery) -> Confirmation:
    run = run_report(query.services.runs.get(query.text("run")), query.now)
    if not run.is_running:
        raise Conflict(f"{run.run_id} has ended already: it is {run.status}")
    promoted = [one.campaign for one in run.campaigns if one.fate == "promoted"]
    effects = (
        "Its trainings are stopped. Nothing of those that are not finished is kept.",
        "What is served stays."
        if not promoted
        else f"What has gone live by now, {', '.join(promoted)}, stays live.",
        "It stops within seconds, or after the step that it is in.",
    )
    back, sent = _run_page(run.run_id), {"run": run.run_id}
    return Confirmation(f"Cancel {run.run_id}", effects, "Cancel the retraining", back, sent)


def _cancel(query: ViewQuery) -> Done:
    record = query.services.runs.cancel(query.text("run"))
    return Done(_run_page(record.run_id), "It is being stopped.", record.run_id)


def _run_page(run_id: str) -> str:
    return f"{_MODELS}/runs/{quote(run_id, safe='')}"


def _scopes(query: ViewQuery) -> list[Scope]:
    scopes = list(filter(query.text, Scope))
    if not scopes:
        raise InvalidInput(f"give the key a scope: {', '.join(Scope)}", field="scopes")
    return scopes


def _end(query: ViewQuery) -> int | None:
    days = query.text("days")
    if days and not (days.isdecimal() and len(days) <= _MOST_DIGITS and int(days)):
        raise InvalidInput(
            f"a key ends in {days[:40]} days: write a whole number, 1 to 99,999", field="days"
        )
    return clock.real_now() + int(days) * DAY if days else None


def _ask_create_key(query: ViewQuery) -> Confirmation:
    end, group = _end(query), query.text("datasetGroup")
    pages = ", ".join(query.text("origins").split()) or "no site but this one"
    effects = (
        f"It reaches dataset group {group} alone." if group else "It reaches everything.",
        f"A browser may use it on pages of {pages}.",
        f"It ends {moment(iso(end))}." if end else "It never ends by itself.",
        "Its secret is shown once, on the next page.",
    )
    title = f"Make a key with {', '.join(_scopes(query))}"
    return Confirmation(title, effects, "Make it", KEYS, query.parameters)


def _create_key(query: ViewQuery) -> Done:
    rate = query.text("rate")
    check_rate(rate, "the rate")
    key, secret = Console.of(query.plugins).keys.create(
        _scopes(query),
        query.text("note"),
        clock.real_now(),
        dataset_group=query.text("datasetGroup") or None,
        origins=query.text("origins").split(),
        rate=rate,
        expires_at=_end(query),
    )
    return _shown_once(key, secret)


def _shown_once(key: AccessKey, secret: str) -> Done:
    once = {
        "PAWSONALIZE_KEY": f"{key.name}.{secret}",
        "AWS_ACCESS_KEY_ID": key.name,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
    return Done(KEYS, f"Key {key.name} is made.", key.name, once)


def _ask_rotate_key(query: ViewQuery) -> Confirmation:
    key = query.services.registry.get(AccessKey, query.text("key"))
    effects = (
        f"A new key is made for: {key.note or 'nobody wrote down whom'}. It may and reaches the"
        " same. Its secret is shown once, on the next page.",
        f"{key.name} works for {_OVERLAP_DAYS} days more, unless it ends before. Put the new one in"
        " its place meanwhile.",
    )
    return Confirmation(f"Rotate key {key.name}", effects, "Rotate", KEYS, {"key": key.name})


def _rotate_key(query: ViewQuery) -> Done:
    keys = Console.of(query.plugins).keys
    return _shown_once(*keys.rotate(query.text("key"), _OVERLAP_DAYS, clock.real_now()))


def _ask_remove_key(query: ViewQuery) -> Confirmation:
    key = query.services.registry.get(AccessKey, query.text("key"))
    effects = (
        f"It is for: {key.note or 'nobody wrote down whom'}. It may: {', '.join(key.scopes)}.",
        "Every server refuses it within a second, and sessions that began with it end.",
        "It does not come back: make another one, or rotate it before, where it is still used.",
    )
    return Confirmation(f"Remove key {key.name}", effects, "Remove", KEYS, {"key": key.name})


def _remove_key(query: ViewQuery) -> Done:
    name = query.text("key")
    Console.of(query.plugins).keys.delete(name)
    return Done(KEYS, f"Key {name} is removed.", name)


ACTIONS = (
    PageAction(f"{_MODELS}/retrain", _ask_retrain, _retrain),
    PageAction(f"{_MODELS}/cancel", _ask_cancel, _cancel),
    PageAction(f"{_MODELS}/promote", _ask_promote, _promote),
    PageAction(f"{_MODELS}/settings", _ask_settings, _change_settings),
    PageAction(f"{_MODELS}/roll-back", _ask_roll_back, _roll_back),
    PageAction(f"{KEYS}/create", _ask_create_key, _create_key),
    PageAction(f"{KEYS}/rotate", _ask_rotate_key, _rotate_key),
    PageAction(f"{KEYS}/remove", _ask_remove_key, _remove_key),
)
