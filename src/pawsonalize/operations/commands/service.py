"""The service as a whole: `pawsonalize init`, `config`, `status`, `doctor`, `health`, `vacuum`."""

import json
from collections.abc import Callable
from contextlib import closing, suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import on_data
from pawsonalize.app.cli.options import DataDir, Json, Port, command_group
from pawsonalize.app.cli.terminal import check_new, print_listing, print_result, say, write_new
from pawsonalize.app.settings import Settings, kinds_of_settings, load_settings, read_settings
from pawsonalize.core import clock
from pawsonalize.core.config import USUAL_FILE, display_value, refuse
from pawsonalize.core.errors import InvalidInput, NotFound, PawsonalizeError, StorageUnavailable
from pawsonalize.core.times import DAY, HOUR, MINUTE, SECOND, parse_moment
from pawsonalize.models.recipes import HTTP_SCORER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.app.checks import Diagnosis
    from pawsonalize.app.service_state import CampaignModel, ServiceState
    from pawsonalize.reports.personalisation.rules import PersonalisationHealth


config_app = command_group(
    "Settings: what they are, where they come from, whether they can be used."
)

_CONFIG_TEMPLATE = Path(__file__).with_name("init.yaml")
_HEALTH_SECONDS = 4.0


class HealthSubject(StrEnum):
    """What can be judged by the log."""

    PERSONALISATION = "personalisation"


_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked from here, not listened on


def _print_status(found: "ServiceState") -> None:
    from rich.text import Text

    lines = _status_lines(found, parse_moment(found.as_of, "as_of"))
    rows = ((Text(name, "red" if name.startswith("!") else ""), words) for name, words in lines)
    print_listing(("", ""), rows, 140)


@on_data(_print_status)
def status(adapters: "Adapters") -> "ServiceState":
    """Show on one screen whether all is well: servers, freshness, models, the last verdict.

    Exit code 0, whatever it finds; `pawsonalize doctor` looks at more, and has an exit code.

    Example: pawsonalize status
    """
    from pawsonalize.app.service_state import service_state

    return service_state(adapters, clock.now())


def _status_lines(found: "ServiceState", now: int) -> "Iterator[tuple[str, str]]":
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
        yield f"campaign {model.campaign}", _describe_model(model, now)
    if found.last_retraining is None:
        yield "last retraining", "none yet"
    else:
        last = found.last_retraining
        began = f"{last.status}, begun {_ago(last.started_at, now)} ago"
        yield "last retraining", f"{began}: {last.reason}" if last.reason else began
        yield "", f"more: pawsonalize runs show {last.run}"
    yield "retrains", found.schedule or "when you ask it to (retrain_schedule is empty)"
    for finding in found.attention:
        yield f"! {finding.check}", _with_next_move(finding)


def _with_next_move(finding: "Diagnosis") -> str:
    return finding.message + (f"\n→ {finding.next_move}" if finding.next_move else "")


def _describe_model(model: "CampaignModel", now: int) -> str:
    if model.solution_version is None:
        return "serves no model yet"
    text = model.solution_version
    if not model.serves:
        text += " (served once a server runs)"
    if model.remote is not None:
        text += " (by your scorer)" if model.remote == HTTP_SCORER else " (at Amazon Personalize)"
    if model.trained_as_of is not None:
        text += f", trained {_ago(model.trained_as_of, now)} ago"
    if model.counts_as_of is not None:
        text += f", counts from {_ago(model.counts_as_of, now)} ago"
    return text


def _ago(moment: str, now: int) -> str:
    passed = max(0, now - parse_moment(moment, "moment"))
    for size, unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")):
        if count := passed // size:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a second"


def init(
    file: Annotated[
        Path, typer.Argument(help="The config file to write; one that is there stays.")
    ] = USUAL_FILE,
) -> None:
    """Write a config file with every common setting explained, and say what comes next.

    What it sets are the defaults; the other lines are comments. No data folder is made.

    Example: pawsonalize init
    """
    if file == USUAL_FILE:
        with suppress(OSError):  # that it is missing is said below
            file.parent.mkdir(exist_ok=True)
    check_new(file)
    write_new(file, _CONFIG_TEMPLATE.read_bytes())
    print(f"Written: {file}")
    if file != USUAL_FILE:
        print(f"It is read where PAWSONALIZE_CONFIG={file} is set.")
    print(
        "Next, one of:\n"
        "  pawsonalize demo                              a made-up shelter, to look around\n"
        "  pawsonalize animals import FILE --complete    your own animals, from a file\n"
        "  pawsonalize serve                             the service, for your site's events"
    )


@config_app.command("show")
def show(
    given: Annotated[
        bool, typer.Option("--given", help="Only those that are set somewhere.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show each setting, its value, and where it comes from; secrets and passwords are hidden.

    Example: pawsonalize config show --given
    """
    settings, written = read_settings({"data_dir": data_dir})
    sources = dict(written.sources) | ({} if data_dir is None else {"data_dir": "--data-dir"})
    values = {name: display_value(settings.value(name)) for name in kinds_of_settings()}
    rows = [
        {"setting": name, "value": values[name], "source": sources.get(name, "default")}
        for name in sorted(values)
        if name in sources or not given
    ]
    print_result(rows, json, _print_settings)


def _print_settings(rows: list[dict[str, str]]) -> None:
    if not rows:
        print("nothing is set: all settings have their defaults")
        return
    print_listing(("setting", "value", "from"), ([v or "-" for v in row.values()] for row in rows))


@config_app.command("check")
def check(
    file: Annotated[
        Path | None,
        typer.Argument(help="A config file.", show_default="the file that would be read"),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Check a config file and the environment: what `serve` would refuse is refused here.

    All that is wrong is named at once, with its file or variable: a name that does not exist with
    the nearest that does. Exit code 2 if anything cannot be used.

    Example: pawsonalize config check
    """
    from pawsonalize.app.configuration import not_in_tables, unusable

    if file is not None and not file.is_file():
        raise InvalidInput(f"there is no file {file}: write one with `pawsonalize init`")
    wrong = list[str]()
    settings, written = read_settings({"data_dir": data_dir}, file, wrong)
    wrong += [*written.warnings, *unusable(settings, written.sources)]
    wrong = wrong or list(not_in_tables(settings))
    if not json:
        refuse(wrong)
    count = len(written.sources)
    path = written.file and str(written.file)
    found = {"file": path, "given": count, "notes": written.notes, "faults": wrong}
    are = "setting is" if count == 1 else "settings are"
    good = f"{path or 'no config file'} and the environment can be used: {count} {are} given"
    print_result(found, json, lambda _: "\n".join([*written.notes, good]))
    if wrong:
        raise typer.Exit(2)


def doctor(
    mend_rights: Annotated[
        bool,
        typer.Option(
            "--mend-rights", help="First take our files from those who may not read them."
        ),
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Look at everything and say what needs attention; exit code 1 if something does.

    It changes nothing, unless you say --mend-rights: then each change is listed.

    Example: pawsonalize doctor --data-dir pawsonalize-data
    """
    from pawsonalize.app.checks import needing_attention
    from pawsonalize.app.doctor import examine_all

    settings = load_settings({"data_dir": data_dir})
    if mend_rights:
        _mend_rights(settings.data_dir.absolute(), settings.data_access)
    findings = list(examine_all(settings))
    print_result(findings, json, _print_findings)
    if needing_attention(findings):
        raise typer.Exit(1)


def _mend_rights(folder: Path, access: str) -> None:
    from pawsonalize.core.database.data_folder import is_data_folder, set_mode, wrong_rights

    if not is_data_folder(folder):
        raise NotFound(f"there is no data folder {folder}: name the right one with --data-dir")
    for path, mode, right in wrong_rights(folder, access):
        try:
            set_mode(path, right)
        except FileNotFoundError:  # a server lives, and took it away
            continue
        except OSError as error:
            raise StorageUnavailable(
                f"the mode of {path} cannot be changed ({error.strerror}): run this as its owner"
            ) from error
        say(f"{mode:o} → {right:o}  {path}")


def _print_findings(findings: list["Diagnosis"]) -> None:
    from rich.text import Text

    from pawsonalize.app.checks import Verdict

    rows = []
    for finding in findings:
        needs_attention = finding.verdict is Verdict.ATTENTION
        sign = Text("!", style="red") if needs_attention else Text("✓", style="green")
        rows.append((sign, finding.check, _with_next_move(finding)))
    print_listing(("", "", ""), rows, 200)


def _print_vacuumed(found: dict[str, int] | None) -> str:
    if found is None:
        return "PostgreSQL sees to that by itself"
    megabytes = {name: size / 1e6 for name, size in found.items()}
    return "{before:,.1f} MB were {after:,.1f} MB afterwards".format_map(megabytes)


@on_data(_print_vacuumed)
def vacuum(adapters: "Adapters") -> dict[str, int] | None:
    """Write the SQLite file anew, once; from then on servers give free space back by themselves.

    It needs free space of the file's size. Meanwhile events wait, and are refused after 15 seconds.

    Example: pawsonalize vacuum
    """
    from pawsonalize.operations.tables import FileSize, rewrite

    before = FileSize.of(adapters.database)
    if before is None:
        return None
    rewrite(adapters.database)
    after = FileSize.of(adapters.database) or before
    return {"before": before.total, "after": after.total}


def health(
    what: Annotated[
        HealthSubject | None, typer.Argument(help="Judge this by the log; else ask the server.")
    ] = None,
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask if it can answer, not only if it lives.")
    ] = False,
    port: Port = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Ask the server of this machine whether it lives. Exit code 1 if it does not, with the reason.

    With `personalisation`, say from the log if it works; exit code 1 if it is weak or does not.

    Example: pawsonalize health --ready
    """
    if what is not None:
        if ready or port is not None:
            raise InvalidInput(
                "`health personalisation` asks no server: leave --ready and --port out"
            )
        _judge_personalisation(data_dir, json)
        return
    if data_dir is not None:
        raise InvalidInput(
            "a server is asked at its --port: leave --data-dir out (or: `health personalisation`)",
            field="data-dir",
        )
    settings = load_settings({"port": port})
    if not settings.port:
        raise InvalidInput("port is 0, any that is free: say which one with --port", field="port")
    from http.client import HTTPException

    path = "/readyz" if ready else "/healthz"
    try:
        status, answer = _response(settings, path)
    except (OSError, HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise PawsonalizeError(f"nobody answers at port {settings.port}: {reason}") from error
    if status != 200:
        raise PawsonalizeError(f"{path} answers {status}: {_error_message(answer)}")
    print(answer.decode())


def _judge_personalisation(data_dir: Path | None, as_json: bool) -> None:
    from pawsonalize.app.adapters import opened
    from pawsonalize.app.model_checks import personalisation_health

    with opened(load_settings({"data_dir": data_dir}), must_exist=True) as adapters:
        found = personalisation_health(adapters, clock.now())
    print_result(found, as_json, _print_personalisation)
    if found.findings:
        raise typer.Exit(1)


def _print_personalisation(found: "PersonalisationHealth") -> None:
    print(f"Personalisation: {found.verdict} ({found.visits:,} visits in {found.hours:,} hours).")
    if not found.findings:
        print(found.message)
    for one in found.findings:
        print(f"! {one.message}\n  Next: {one.next_move}")


def _response(settings: Settings, path: str) -> tuple[int, bytes]:
    import ssl
    from http.client import HTTPConnection, HTTPSConnection

    host = _ANYWHERE.get(settings.host, settings.host)
    connect: Callable[..., HTTPConnection] = HTTPConnection
    if settings.tls_certificate:
        # Its names are not this machine's: what answers is known by its port.
        context = ssl._create_unverified_context()  # noqa: S323
        connect = partial(HTTPSConnection, context=context)
    with closing(connect(host, settings.port, timeout=_HEALTH_SECONDS)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def _error_message(answer: bytes) -> str:
    try:  # an error of ours, unless another program has the port
        return str(json.loads(answer)["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return answer[:200].decode(errors="replace")
