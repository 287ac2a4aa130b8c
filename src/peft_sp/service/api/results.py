"""Results of a job that is done: rows, files, and what a page shows of them."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from itertools import chain
from pathlib import Path
from time import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from peft_sp.inference.run_options import SUMMARY
from peft_sp.io.plotting.summary import blocks
from peft_sp.io.writers import gff3, tables
from peft_sp.service.api.answers import ProblemError, documented
from peft_sp.service.api.schemas import Disagreement, ResultPage, ResultQuery, View
from peft_sp.service.api.state import Finished
from peft_sp.service.job import Job
from peft_sp.service.results.comparison import disagreements
from peft_sp.service.results.files import result_files, zipped
from peft_sp.service.results.table import read_index

router = APIRouter(prefix="/jobs/{id}", tags=["results"], responses=documented(404, 409, 422))
_USUAL = 100
"""Rows of a page in JSON."""
_TSV, _GFF3, _ZIP = "text/tab-separated-values", "text/x-gff3", "application/zip"
_MEDIA = {".tsv": _TSV, ".gff3": _GFF3, ".html": "text/html", ".json": "application/json"}
_DOWNLOADS: dict[int | str, dict[str, Any]] = {
    200: {"content": {_TSV: {}, _GFF3: {}, _ZIP: {}}},
    304: {"description": "Not Modified"},
}
_BYTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


def headers_of(job: Job, what: str) -> dict[str, str]:
    """Headers of an answer that does not change until the job is removed."""
    seconds = max(0, int(job.expires - time()))
    return {
        "ETag": f'"{job.id}-{what}"',
        "Last-Modified": formatdate(job.finished, usegmt=True),
        "Cache-Control": f"private, max-age={seconds}, immutable",
    }


def has_it(request: Request, headers: dict[str, str]) -> bool:
    """Whether a client has the answer with these headers already."""
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    return headers["ETag"] in [tag.removeprefix("W/") for tag in known] or known == ["*"]


@router.get("/results", response_model=ResultPage, responses=_DOWNLOADS)
def results(request: Request, job: Finished, asked: Annotated[ResultQuery, Query()]) -> Response:
    """Predictions as JSON or TSV, all or some of them; as GFF3; or all files as a zip."""
    some = bool(asked.offset or asked.limit or asked.type)
    if some and asked.format in ("gff3", "zip"):
        raise ProblemError(422, f"{asked.format} is of all proteins; leave out what selects some")
    what = f"{asked.format}-{asked.offset}-{asked.limit}-{'-'.join(asked.type)}"
    headers = headers_of(job, what)
    if has_it(request, headers):
        return Response(status_code=304, headers=headers)
    if asked.format == "zip":
        headers["Content-Disposition"] = 'attachment; filename="peft-sp-results.zip"'
        return StreamingResponse(zipped(job), headers=headers, media_type=_ZIP)
    if asked.format == "gff3":
        return _file(job, gff3.FILE, headers)
    if asked.format == "tsv" and not some:
        return _file(job, tables.FILE, headers)
    return _rows(job, asked, headers)


def _rows(job: Job, asked: ResultQuery, headers: dict[str, str]) -> Response:
    index = read_index(_path(job, tables.FILE))
    numbers = index.numbers(asked.type)
    if asked.format == "tsv":
        some = numbers[asked.offset :][: asked.limit]
        return StreamingResponse(
            chain([index.head], index.lines(some)), headers=headers, media_type=_TSV
        )
    rows = index.lines(numbers[asked.offset :][: asked.limit or _USUAL])
    content = {
        "total": len(numbers),
        "offset": asked.offset,
        "predictions": [tables.parsed(line) for line in rows],
    }
    return JSONResponse(content, headers=headers)


@router.get("/results/{file}", response_class=FileResponse, responses=_DOWNLOADS)
def result_file(request: Request, job: Finished, file: str) -> Response:
    """One file, by a name of the job's list."""
    path = _path(job, file)
    headers = headers_of(job, path.name)
    if has_it(request, headers):
        return Response(status_code=304, headers=headers)
    return _file(job, path.name, headers)


def _file(job: Job, name: str, headers: dict[str, str]) -> FileResponse:
    """A file to be saved: none is shown in the place of a page of ours."""
    path = _path(job, name)
    media = _MEDIA.get(path.suffix, "text/plain")
    # The policy of a page that is opened in spite of that: it may do nothing.
    headers = {**headers, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return FileResponse(path, headers=headers, media_type=media, filename=path.name)


def _path(job: Job, name: str) -> Path:
    path = result_files(job).get(name)
    if path is None:
        raise ProblemError(404, "the job has no such file")
    return path


@lru_cache(maxsize=64)
def _index(path: Path) -> blocks.Index:
    return blocks.read_index(path)


def page_index(job: Job) -> blocks.Index:
    """Where a job's summary page has its proteins."""
    return _index(_path(job, SUMMARY))


@router.get("/view", response_model=View)
def view(request: Request, job: Finished) -> Response:
    """What a page needs to show the proteins: the number of their blocks, the pictures' frames."""
    headers = headers_of(job, "view")
    if has_it(request, headers):
        return Response(status_code=304, headers=headers)
    index = page_index(job)
    content = {
        "proteins": sum(index.proteins),
        "blocks": len(index.proteins),
        "frames": index.read_frames(),
    }
    return JSONResponse(content, headers=headers)


@router.get("/view/{number}/{kind}", response_class=Response, responses=_BYTES)
def block(
    request: Request,
    job: Finished,
    number: Annotated[int, PathParameter(ge=0, le=2**31)],
    kind: Literal["rows", "curves"],
) -> Response:
    """A block of proteins as `summary.html` holds it (zlib): rows of the table, or curves."""
    headers = headers_of(job, f"{kind}-{number}")
    if has_it(request, headers):
        return Response(status_code=304, headers=headers)
    try:
        content = page_index(job).read(kind, number)
    except IndexError:
        raise ProblemError(404, "there is no such block") from None
    return Response(content, headers=headers, media_type="application/octet-stream")


@router.get("/compare", response_model=list[Disagreement])
def compare(request: Request, job: Finished) -> Response:
    """The proteins on which the second model disagrees, and what it says of them."""
    if job.compare is None:
        raise ProblemError(404, "the job has no second model")
    headers = headers_of(job, "compare")
    if has_it(request, headers):
        return Response(status_code=304, headers=headers)
    found = disagreements(_path(job, tables.FILE), job.compared / tables.FILE)
    return JSONResponse(list(found), headers=headers)
