"""Upload of a feed, by POST /v1/animals/uploads or on the console, where it is mended and tried.

Nothing is imported but what the page has shown: if choices change with the button to import, the
page comes again.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from functools import partial
from itertools import islice

import msgspec
from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.routing import Route

from pawsonalize.animals.listings import FIELDS
from pawsonalize.app.pages.shell import Link
from pawsonalize.app.pages.views import Done, View, ViewQuery, perform
from pawsonalize.core.errors import Conflict, InputTooLarge, InvalidInput
from pawsonalize.core.http.json import filled, read_body, read_flag
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.scopes import DESK, SITE
from pawsonalize.core.times import iso
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.services import Services, services_of
from pawsonalize.plugins.feeds import pages
from pawsonalize.plugins.feeds.formats import Rows, decoded, formats, read_feed
from pawsonalize.plugins.feeds.mapping import Unrecognised
from pawsonalize.plugins.feeds.presets import presets, slots_of
from pawsonalize.plugins.feeds.rows import DateOrder, date_orders, examples_of, separator_in
from pawsonalize.plugins.feeds.uploads import (
    MAX_UNPACKED_BYTES,
    MAX_UPLOAD_BYTES,
    FeedUpload,
    UploadReading,
    Uploads,
)
from pawsonalize.site.forms import Fields, fields_of
from pawsonalize.site.rendering import with_query

_UPLOAD = f"{pages.INVENTORY}/upload"
_MAX_CHOICES_BYTES = 1 << 20  # a table of a thousand columns, and some values
_FRAME_BYTES = 64 << 10  # of a form, around its file
_SHOWN, _LONGEST, _EXAMPLES, _LOOKED_AT = 20, 80, 3, 1_000
_ORDERS = {DateOrder.US: "month first", DateOrder.EU: "day first", DateOrder.ISO: "year first"}
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_MEANING = "meaning."
_FATES = ("warnings", "visible", "on_hold", "gone", "leaving")
_ENCODINGS = ("utf-8", "cp1252", "cp1250", "iso8859-1", "utf-16")


class UploadColumn(msgspec.Struct, frozen=True, rename="camel"):
    """A column of a table, or a field of another file, with its first values that differ.

    `field` is what it is taken for; null for a column that is left out.
    """

    name: str
    field: str | None
    examples: list[str]


class UploadReport(msgspec.Struct, frozen=True, rename="camel"):
    """An uploaded file as it is read, and the result that its import would have; none is done yet.

    `error` is the reason for which nothing can be imported like that; then there is no `outcome`.
    `warnings` say who may be shown by mistake, or not. Of the file's animals so many would be
    `visible`, `on_hold` or `gone`, and `leaving` names those who were not gone before.
    `known_sources` have animals already.
    `unrecognised` has the values that nobody knows, and those that got a meaning here.
    """

    file: str
    source: str
    written_at: str
    complete: bool
    format: str
    encoding: str | None = None
    separator: str | None = None
    date_orders: list[str] = []
    columns: list[UploadColumn] = []
    warnings: list[str] = []
    visible: int | None = None
    on_hold: int | None = None
    gone: int | None = None
    leaving: list[str] = []
    outcome: pages.FeedNews | None = None
    unrecognised: list[pages.UnrecognisedValue] = []
    error: str | None = None
    known_sources: list[str] = []


def read_upload(query: ViewQuery) -> UploadReport:
    """Report on an upload: how it is read, and what its import would do."""
    uploads = uploads_of(query.services)
    return report_upload(uploads, uploads.get(query.text("upload")), query.now)


def report_upload(uploads: Uploads, upload: FeedUpload, now: int) -> UploadReport:
    """Report on an upload, of which nothing is imported; `error` says why that cannot be done."""
    found = UploadReport(
        upload.file,
        upload.source,
        iso(upload.written_at),
        upload.complete,
        upload.reading.format,
        unrecognised=list(_values(upload, {})),
        known_sources=uploads.animals.sources(),
    )
    try:
        for changes in _stages(uploads, upload, now):
            found = msgspec.structs.replace(found, **changes)
    except (InvalidInput, Conflict) as error:
        found = msgspec.structs.replace(found, error=error.message)
    return found


def _stages(uploads: Uploads, upload: FeedUpload, now: int) -> Iterator[dict[str, object]]:
    """Yield the parts of the report: with an error, those before it are shown."""
    content, reading = uploads.content(upload), upload.reading
    text, encoding = decoded(content, reading.encoding, MAX_UNPACKED_BYTES)
    yield {"encoding": encoding}
    if reading.columns:
        yield from _table(reading, text)
    else:
        yield {"columns": _fields(read_feed([content], reading.form())[0])}
    report = uploads.rehearse(upload, now)
    values = list(_values(upload, report.unrecognised))
    fates = {name: getattr(report, name) for name in _FATES}
    yield {"outcome": pages.news_of(report, now), "unrecognised": values, **fates}


def _table(reading: UploadReading, text: bytes) -> Iterator[dict[str, object]]:
    separator = separator_in(text, reading.table)
    slots, examples = slots_of(reading.format), examples_of(text, reading.table)
    columns = [
        _column(name, slots.get(reading.columns.get(name, "")), some)
        for name, some in examples.items()
    ]
    yield {"columns": columns, "separator": _SEPARATORS.get(separator, separator)}
    fields = [one.field or "" for one in columns]
    for field in ("id", "species"):
        if field in slots.values() and field not in fields:
            raise InvalidInput(f"no column is taken for {field}: choose the one that holds it")
    dates = {one.name: at for at, one in enumerate(columns) if fields[at].endswith(("At", "Date"))}
    orders = date_orders(text, reading.form().table, dates)
    # A column whose dates need no order (`17.5.2024`, `2024-05-17`) shows none.
    needed = {order for order in orders.values() if reading.dates or order is not DateOrder.ISO}
    yield {"date_orders": sorted(map(_ORDERS.__getitem__, needed))}


def _fields(rows: Rows) -> list[UploadColumn]:
    """Return the fields that a file without columns has."""
    forms = [row.form for row in islice(rows(), _LOOKED_AT) if row.form is not None]
    found = {}
    for field, attribute in FIELDS.items():
        texts = [
            str(value) for one in forms if (value := getattr(one, attribute)) not in (None, "")
        ]
        found[field] = [*dict.fromkeys(texts)][:_EXAMPLES]
    return [_column(name, name, some) for name, some in found.items() if some]


def _column(name: str, field: str | None, examples: list[str]) -> UploadColumn:
    return UploadColumn(name, field, [one[:_LONGEST] for one in examples])


def _values(upload: FeedUpload, unrecognised: Unrecognised) -> Iterator[pages.UnrecognisedValue]:
    for field, meanings in upload.meanings.items():
        for value, meaning in meanings.items():
            yield pages.UnrecognisedValue(field, value, 0, meaning)
    found = ((rows, name, one) for name, some in unrecognised.items() for one, rows in some.items())
    for rows, field, value in sorted(found, key=lambda one: (-one[0], one)):
        yield pages.UnrecognisedValue(field, value, rows, None)


def _content(query: ViewQuery, report: UploadReport | None) -> dict[str, object]:
    """Return the upload with its choices, and all that may be chosen."""
    meanings = pages.meaning_choices(has_breeds=report is not None and bool(report.unrecognised))
    sources = query.services.inventory.animals.sources()
    content = {"most": MAX_UPLOAD_BYTES, "shown": _SHOWN, "sources": sources, **meanings}
    if report is None:
        return content
    upload = uploads_of(query.services).get(query.text("upload"))
    return content | {
        "upload": upload,
        "slots": slots_of(upload.reading.format),
        "formats": {one: presets()[one].about if one in presets() else one for one in formats()},
        "encodings": _ENCODINGS,
        "separators": _SEPARATORS.values(),
        "orders": {order.value: words for order, words in _ORDERS.items()},
    }


async def _keep(request: Request, _caller: Caller) -> Done:
    # The whole body comes first: no thread and no lock waits for a slow client.
    fields, file, content = await _read_file(request)
    services, written = services_of(request), fields.get("written", "")
    now = services.now()
    new = FeedUpload(
        name="",
        file=file,
        written_at=min(int(written), now) if written.isdecimal() and len(written) < 16 else now,
        source=source_of(fields),
        complete=fields.get("holds") == "complete",
        reading=UploadReading(format=""),
    )
    stored = await run_in_threadpool(uploads_of(services).keep, new, content, now)
    return Done(page_of(stored), "", stored.name)


async def _choose(request: Request, _caller: Caller) -> Done:
    fields = await fields_of(request, _MAX_CHOICES_BYTES)
    services = services_of(request)
    return await run_in_threadpool(_chosen, uploads_of(services), fields, services.now())


def _chosen(uploads: Uploads, fields: Fields, now: int) -> Done:
    upload, is_import = uploads.get(fields.get("upload", "")), fields.get("do") == "import"
    if fields.get("look") != str(upload.revision):
        raise Conflict("the choices for this file were changed meanwhile: load its page again")
    chosen = _with_choices(upload, fields)
    if chosen != upload:
        stored = uploads.choose(chosen, upload.reading, now)
        notice = "Nothing is imported yet: the choices have changed. This is what they do."
        return Done(page_of(stored), notice if is_import else "", upload.name)
    if not is_import:
        return Done(page_of(upload), "", upload.name)
    report = uploads.run(upload, now)
    # With no good row the file is still here, to be mended.
    page = page_of(upload) if report.is_refused else pages.FEEDS
    return Done(page, f"{upload.file}: {report.in_words()}.", upload.name)


def _with_choices(upload: FeedUpload, fields: Fields) -> FeedUpload:
    columns = {one: fields.get(f"column.{one}", "") for one in upload.reading.columns}
    choices = {one: fields.get(one) or None for one in ("encoding", "separator", "dates")}
    meanings: dict[str, dict[str, str]] = {}
    for name, meaning in fields.items():
        if name.startswith(_MEANING) and meaning.strip():
            field, _, value = name.removeprefix(_MEANING).partition(".")
            meanings.setdefault(field, {})[value] = meaning.strip()
    return msgspec.structs.replace(
        upload,
        source=source_of(fields),
        complete=fields.get("holds") == "complete",
        allow_shrink=fields.get("allowShrink") == "true",
        allow_known=fields.get("allowKnown") == "true",
        reading=UploadReading(format=fields.get("format", ""), columns=columns, **choices),
        meanings=meanings,
    )


def source_of(fields: Fields) -> str:
    """Return the source that a form names; empty for none."""
    source = fields.get("source", "").strip()
    return parse_id(source, "source") if source else ""


async def _read_file(request: Request) -> tuple[dict[str, str], str, bytes]:
    """Return the fields of a form, and the name and the bytes of its file."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidInput("send the file as multipart/form-data, as the page does")
    try:
        form = await MultiPartParser(request.headers, _bounded(request.stream())).parse()
    except (MultiPartException, FormParserError) as error:
        raise InvalidInput(f"the form cannot be read ({error}): send the file again") from error
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise InvalidInput("no file came: choose one, then send it", field="file")
    content = await file.read()
    await form.close()
    return {name: one for name, one in form.items() if isinstance(one, str)}, file.filename, content


async def _bounded(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_UPLOAD_BYTES + _FRAME_BYTES:
            raise InputTooLarge(
                f"a file may have {MAX_UPLOAD_BYTES >> 20} MB here: pack it with gzip, or import it"
                " with `pawsonalize animals import`",
                field="file",
            )
        yield chunk


def uploads_of(services: Services) -> Uploads:
    """Return the uploads of this server."""
    return Uploads(services.registry, services.inventory.animals)


def page_of(upload: FeedUpload) -> str:
    """Return the address of an upload's page."""
    # With the revision no page that is still being made for other choices is shared.
    return with_query(_UPLOAD, {"upload": upload.name, "look": str(upload.revision)})


CONSOLE_PAGES = (
    *pages.PAGES,
    Link("Upload", _UPLOAD, tab_of=pages.INVENTORY, place=4, allowed=DESK),
    View(
        page=_UPLOAD,
        allowed=DESK,
        template="feeds/upload.html",
        read=read_upload,
        content=_content,
        operation="uploads",
        summary="How an uploaded file is read, and what its import would do.",
        about=About.INVENTORY,
        answer=UploadReport,
        parameters=(
            RequestParameter(
                "upload", "The upload, as the address of its page names it.", required=True
            ),
        ),
        needs=("upload",),
        takes_long=True,
    ),
    Route(_UPLOAD, partial(perform, act=_keep, allowed=DESK), methods=["POST"]),
    Route(f"{_UPLOAD}/choices", partial(perform, act=_choose, allowed=DESK), methods=["POST"]),
)

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
