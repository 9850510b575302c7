"""POST /v1/animals/uploads: a shelter's file, read as the console reads it."""

from collections.abc import Mapping

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.access.services import Services, services_of
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.http.json import filled, read_body, read_flag
from pawsonalize.http.operation import About, Operations, RequestParameter
from pawsonalize.kinds.access_keys import SITE
from pawsonalize.wings.feeds import pages
from pawsonalize.wings.feeds.upload_pages import (
    UploadReport,
    page_of,
    report_upload,
    source_of,
    uploads_of,
)
from pawsonalize.wings.feeds.uploads import MAX_UPLOAD_BYTES, FeedUpload, UploadReading

OPERATIONS = Operations(SITE, about=About.INVENTORY)
OPERATIONS += pages.OPERATIONS
_FLAGS = ("complete", "allowShrink", "allowKnown", "dryRun")


class UploadReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """Result for an uploaded file."""

    imported: bool
    """False for a dry run, and if not one row was good."""
    page: str | None
    """Page of the console where the file is mended and imported, for a day; null once it is."""
    report: UploadReport
    """The file as it was read, and the result of its import; of a dry run, the expected one."""


@OPERATIONS.add(
    "POST",
    "/v1/animals/uploads",
    parameters=(
        RequestParameter("source", "Whose animals they are; their ids become SOURCE:ID."),
        RequestParameter("file", "The file's name, for people; `upload` if left out."),
        RequestParameter("complete", "True if animals that are not in it are gone.", bool),
        RequestParameter("allowShrink", "Even if more than 30% of the animals are gone.", bool),
        RequestParameter("allowKnown", "Even if most animals are known from another source.", bool),
        RequestParameter("dryRun", "Only answer what the import would do.", bool),
    ),
    file_bytes=MAX_UPLOAD_BYTES,
    summary="Import the animals of a file.",
    notes=(
        "The body is the file as it is, of at most 16 MB: any format that the command `animals"
        " import` knows, also packed by gzip. It is read by the choices that the console keeps for"
        " the source, or as it looks. A dry run keeps the file for a day, so that its columns and"
        " values can be mended on the console."
    ),
)
async def post_uploads(request: Request) -> UploadReceipt:
    """Read a file, try it, and import it unless that is all."""
    services, given = services_of(request), filled(request.query_params)
    flags = {name: read_flag(given, name) for name in _FLAGS}
    content = await read_body(request)
    try:
        return await run_in_threadpool(_uploaded, services, given, flags, content)
    except InvalidInput as error:  # of a column or a row, or of the file as a whole
        raise InvalidInput(error.message, field=error.field or "file") from error


def _uploaded(
    services: Services, given: Mapping[str, str], flags: Mapping[str, bool], content: bytes
) -> UploadReceipt:
    now, uploads = services.now(), uploads_of(services)
    new = FeedUpload(
        name="",
        file=given.get("file", "upload"),
        written_at=now,
        source=source_of(given),
        complete=flags["complete"],
        allow_shrink=flags["allowShrink"],
        allow_known=flags["allowKnown"],
        reading=UploadReading(format=""),
    )
    upload = uploads.keep(new, content, now)
    report = report_upload(uploads, upload, now)
    if flags["dryRun"]:
        return UploadReceipt(False, page_of(upload), report)
    outcome = uploads.run(upload, now)
    report = msgspec.structs.replace(report, outcome=pages.news_of(outcome, now))
    is_refused = outcome.is_refused
    return UploadReceipt(not is_refused, page_of(upload) if is_refused else None, report)
