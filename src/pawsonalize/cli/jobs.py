"""`pawsonalize batch-jobs`: questions asked by files."""

from itertools import chain
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import DataDir, Json, command_group
from pawsonalize.cli.resources import print_fields, print_rows
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob
    from pawsonalize.kinds.registry import Registry

batch_jobs = command_group("Batch jobs: questions asked by files.")

Name = Annotated[str, typer.Argument(help="The batch job.")]
_COLUMNS = ("name", "kind", "status", "solution_version", "answered", "rejected")


@batch_jobs.command("create")
def create(
    *,
    name: Name,
    solution_version: Annotated[str, typer.Argument(help="The solution version to ask.")],
    source: Annotated[str, typer.Argument(help="JSON Lines: a file:// or s3:// location.")],
    target: Annotated[str, typer.Argument(help="Where answers go: file:// or s3://.")],
    segments: Annotated[
        bool, typer.Option(help="Find the users who like the items of each line best.")
    ] = False,
    results: Annotated[
        int | None, typer.Option(help="How many answers a line gets.", show_default="25")
    ] = None,
    filter_name: Annotated[
        str | None, typer.Option("--filter", help="A filter, by its name.", show_default="none")
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="Do it now, to its end; else a running server does it.")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Ask a solution version about every line of files, and write `{file}.out` for each.

    Exit code 1 if the job failed.

    Example: pawsonalize batch-jobs create mailing recommender-1 file:///d/in.jsonl file:///d/out/
    """
    from pawsonalize.app.jobs import background_jobs
    from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob

    settings = load_settings({"data_dir": data_dir})
    kind = BatchSegmentJob if segments else BatchInferenceJob
    wanted = kind(
        name=name,
        solution_version=solution_version,
        source=source,
        target=target,
        results=results,
        filter=filter_name,
    )
    with opened(settings) as adapters:
        jobs = background_jobs(settings, adapters)
        job = jobs.create(wanted)
        if wait:
            job = jobs.finish(job)
    print_fields(job, json)
    if job.failure_reason is not None:
        raise typer.Exit(1)


@batch_jobs.command("ls")
def ls(data_dir: DataDir = None, json: Json = False) -> None:
    """List the batch jobs, of inference first, newest first.

    Example: pawsonalize batch-jobs ls
    """
    from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        kinds = (BatchInferenceJob, BatchSegmentJob)
        jobs = list(chain.from_iterable(adapters.registry.all(kind) for kind in kinds))
    if json:
        print(msgspec.json.encode(jobs).decode())
        return
    print_rows(jobs, _COLUMNS)


@batch_jobs.command("show")
def show(name: Name, data_dir: DataDir = None, json: Json = False) -> None:
    """Show a batch job.

    Example: pawsonalize batch-jobs show mailing
    """
    with opened(load_settings({"data_dir": data_dir})) as adapters:
        print_fields(_find(adapters.registry, name), json)


@batch_jobs.command("delete")
def delete(name: Name, data_dir: DataDir = None) -> None:
    """Forget a batch job that is done; its files stay.

    Example: pawsonalize batch-jobs delete mailing
    """
    from pawsonalize.app.jobs import background_jobs

    settings = load_settings({"data_dir": data_dir})
    with opened(settings) as adapters:
        job = _find(adapters.registry, name)
        background_jobs(settings, adapters).delete(type(job), name)


def _find(registry: "Registry", name: str) -> "BatchInferenceJob | BatchSegmentJob":
    """The job of that name, of either kind; NotFound if there is none."""
    from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob

    return registry.find(BatchSegmentJob, name) or registry.get(BatchInferenceJob, name)
