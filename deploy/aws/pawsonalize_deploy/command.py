"""`pawsonalize-deploy`: an environment on AWS, by one command up and by one command down."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from rich.console import Console

from pawsonalize_deploy.account import Account
from pawsonalize_deploy.adopted import NOTHING, Adopted
from pawsonalize_deploy.deployed import DeployFailed
from pawsonalize_deploy.environment import DeployedEnvironment
from pawsonalize_deploy.names import Names
from pawsonalize_deploy.settings import CONFIG, BadSettings, DeploySettings, read_deploy_settings
from pawsonalize_deploy.written import template_of

app = typer.Typer(help="Pawsonalize on AWS.", no_args_is_help=True, add_completion=False)
console = Console(highlight=False, soft_wrap=True)
EnvName = Annotated[str, typer.Argument(metavar="ENV", help="A config file: dev, prod.")]
Config = Annotated[Path, typer.Option("--config", help="The folder of the config files.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A key as the file should have it."),
]


@app.command()
def synth(
    env: EnvName,
    out: Annotated[Path | None, typer.Option(help="Where to.", show_default="dist/aws/ENV")] = None,
    config: Config = CONFIG,
    changes: Changes = None,
) -> None:
    """Write the templates; offline, unless subnets of a `vpcId` are looked up.

    Example: pawsonalize-deploy synth dev
    """
    with _told():
        environment = _environment(env, config, changes).in_its_network()
        settings = environment.settings
        folder = out or Path("dist/aws") / env
        began = time.monotonic()
        _write(env, settings, folder)
        template = template_of(folder, Names(env).stack)
        kinds = Counter(one["Type"] for one in template["Resources"].values())
        console.print(
            f"{folder}: {kinds.total()} resources of {len(kinds)} kinds for engine"
            f" {settings.engine}, nothing that cdk-nag finds is unexplained"
            f" ({time.monotonic() - began:.0f} s)"
        )


@app.command()
def diff(env: EnvName, config: Config = CONFIG, changes: Changes = None) -> None:
    """Show what `up` would change.

    Example: pawsonalize-deploy diff dev
    """
    with _told(), _assembly(env, config, changes) as (environment, assembly):
        _say_adopted(environment.adopted())
        found = environment.changes(assembly)
        for change in found:
            console.print(str(change))
        console.print(f"{len(found)} resources would change" if found else "nothing would change")


@app.command()
def up(
    env: EnvName,
    seed: Annotated[
        Path | None,
        typer.Option(
            help="A folder with interactions*.csv and items*.csv to learn from at first.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the first models serve.")] = True,
    config: Config = CONFIG,
    changes: Changes = None,
) -> None:
    """Bring an environment up, or up to date; what exists is used.

    Run it again after an interruption: it goes on where it was.

    Example: pawsonalize-deploy up dev --seed seed
    """
    with _told(), _assembly(env, config, changes) as (environment, assembly):
        _say_adopted(environment.adopted())
        outputs = environment.up(assembly, seed, wait=wait)
        for name, value in sorted(outputs.items()):
            console.print(f"{name:18} {value}")


@app.command()
def down(
    env: EnvName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    delete_archive: Annotated[
        bool,
        typer.Option("--delete-archive", help="Delete archive, seed data, access logs and key."),
    ] = False,
    config: Config = CONFIG,
    changes: Changes = None,
) -> None:
    """Take an environment down; the archive stays unless you say otherwise.

    Example: pawsonalize-deploy down dev
    """
    with _told():
        environment = _environment(env, config, changes)
        what = "with its archive" if delete_archive else "but for its archive"
        if not yes and not typer.confirm(
            f"Delete {environment.account.names.stack} in {environment.settings.region}, {what}?"
        ):
            raise typer.Exit(1)
        left = environment.down(delete_archive=delete_archive)
        console.print("left:" if left else "nothing is left")
        for line in left:
            console.print(f"  {line}")


@app.command()
def accept(
    reference: Annotated[
        Path | None,
        typer.Option(
            help="AWS's own sample, with its config and its integration tests.",
            show_default="../shared/data/reference, if it is there",
        ),
    ] = None,
) -> None:
    """Try the whole system on this machine: emulators, `up`, events, retraining, `down`.

    Each step is told with its seconds. The exit code is 1 if one fails, and the last line names it.

    Example: pawsonalize-deploy accept
    """
    from pawsonalize_deploy.acceptance import journey  # noqa: PLC0415 - seconds

    try:
        journey.accept(console.print, reference or journey.REFERENCE)
    except journey.StepFailed as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None


def _environment(env: str, config: Path, changes: Changes) -> DeployedEnvironment:
    settings = read_deploy_settings(env, config, changes or ())
    return DeployedEnvironment(settings, Account(settings.region, Names(env)), console.print)


@contextmanager
def _assembly(
    env: str, config: Path, changes: Changes
) -> Iterator[tuple[DeployedEnvironment, Path]]:
    """The environment, and a folder with its templates."""
    environment = _environment(env, config, changes).in_its_network()
    with tempfile.TemporaryDirectory(prefix="pawsonalize-deploy-") as folder:
        _write(env, environment.settings, Path(folder), environment.adopted())
        yield environment, Path(folder)


def _write(env: str, settings: DeploySettings, folder: Path, adopted: Adopted = NOTHING) -> None:
    from pawsonalize_deploy.stack.app import write_templates  # noqa: PLC0415 - seconds

    write_templates(env, settings, folder, adopted)


def _say_adopted(adopted: Adopted) -> None:
    for line in adopted.listed():
        console.print(f"exists already, and is used: {line}")


@contextmanager
def _told() -> Iterator[None]:
    """Errors that are meant are one line and exit code 2 or 1, and no traceback."""
    try:
        yield
    except BadSettings as error:
        console.print(str(error), style="red")
        raise typer.Exit(2) from None
    except NoCredentialsError:
        console.print(
            "there are no AWS credentials: set AWS_PROFILE, or sign in as for the AWS CLI",
            style="red",
        )
        raise typer.Exit(1) from None
    except (DeployFailed, ClientError, BotoCoreError) as error:
        console.print(str(error), style="red")
        raise typer.Exit(1) from None


def main() -> None:
    """Run the command line."""
    app()
