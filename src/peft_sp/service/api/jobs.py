"""Jobs: sent, looked at, watched, removed."""

from __future__ import annotations

import asyncio
import shlex
import shutil
from collections.abc import AsyncIterable
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from peft_sp.errors import InputError, ModelError
from peft_sp.service.api.answers import ProblemError, documented
from peft_sp.service.api.schemas import (
    FASTA_EXAMPLE,
    Accepted,
    ErrorDetail,
    JobAnswer,
    JobOptions,
    JobRequest,
    Progress,
    ResultFile,
    UsedModel,
)
from peft_sp.service.api.state import Client, Here, Known, Service, stream
from peft_sp.service.input.check import look
from peft_sp.service.input.upload import FASTA, FILES, keep_text, receive_form
from peft_sp.service.job import FINAL, Job, LimitError, Problem, Submission, Upload
from peft_sp.service.jobs import is_full
from peft_sp.service.results.files import result_files

router = APIRouter(prefix="/jobs", tags=["jobs"])
_LATER = 60
"""Seconds after which a full disk may have room again."""
_INTERVAL, _LONGEST_INTERVAL = 0.5, 3.0
"""Seconds between two looks at a job that is watched: more while nothing happens."""
_FORM = {
    **JobOptions.model_json_schema()["properties"],
    FASTA: {"type": "string", "description": "Proteins as FASTA."},
    FILES: {
        "type": "array",
        "items": {"type": "string", "format": "binary"},
        "description": "FASTA files, plain or compressed with gzip, bzip2 or zstandard.",
    },
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": JobRequest.model_json_schema(),
            "examples": {"pasted": {"value": {"fasta": FASTA_EXAMPLE, "organism": "auto"}}},
        },
        "multipart/form-data": {"schema": {"type": "object", "properties": _FORM}},
    },
}


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    responses=documented(400, 408, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": _BODY},
)
async def submit(request: Request, service: Here, client: Client) -> JSONResponse:
    """Send proteins, as text in JSON or as files of a form. Gives the job's id, its only key."""
    await run_in_threadpool(service.store.require_room, client)
    try:
        staged = await run_in_threadpool(service.store.staging)
        try:
            options, uploads = await _received(request, staged, service)
            job = await run_in_threadpool(_submitted, service, client, staged, options, uploads)
        finally:
            await asyncio.shield(run_in_threadpool(shutil.rmtree, staged, ignore_errors=True))
    except OSError as error:
        if not is_full(error):
            raise
        raise LimitError("the disk of the server is full", _LATER, everyone=True) from None
    answer = Accepted(
        id=job.id, state=job.state, url=service.path("jobs", job.id), expires=_time(job.expires)
    )
    return JSONResponse(answer.model_dump(), 202, {"Location": answer.url})


async def _received(
    request: Request, staged: Path, service: Service
) -> tuple[JobOptions, list[Upload]]:
    """Options and files of a request, whichever of its two forms it has."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            given = JobRequest.model_validate_json(await request.body())
            return given, [await run_in_threadpool(keep_text, staged, given.fasta)]
        if kind != "multipart/form-data":
            raise ProblemError(415, "send application/json or multipart/form-data")
        form = await receive_form(request.stream(), content_type, staged, service.settings)
        options = JobOptions.model_validate({k: v for k, v in form.fields.items() if v})
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(found) from None
    if not form.uploads:
        raise ProblemError(422, f"there are no proteins; send FASTA as '{FILES}' or as '{FASTA}'")
    return options, form.uploads


def _submitted(
    service: Service, client: str, staged: Path, options: JobOptions, uploads: list[Upload]
) -> Job:
    model = options.model or service.models.default
    names = {str(upload.path): upload.name for upload in uploads}
    try:
        for name in (model, *([options.compare] if options.compare else [])):
            service.models.require(name)
        records = look(tuple(uploads), service.settings, options.skip_invalid)
    except InputError as error:
        raise ProblemError(422, Problem.of(error, names)) from None
    except ModelError as error:
        raise ProblemError(422, str(error)) from None
    if options.compare == model:
        raise ProblemError(422, "compare: give a second model, not the same")
    submission = Submission(
        client,
        tuple(uploads),
        *(options.organism, model, options.compare, options.skip_invalid, records),
    )
    return service.store.submit(staged, submission)


@router.get("/{id}", responses=documented(404))
def job(job: Known, service: Here) -> JobAnswer:
    """A job and how far it is."""
    return job_answer(service, job)


@router.delete("/{id}", status_code=204, responses=documented(404))
def remove(job: Known, service: Here) -> None:
    """Stop a job that is not over; remove one that is, with its results."""
    service.store.remove(job.id)


@router.get(
    "/{id}/events",
    response_class=EventSourceResponse,
    responses=documented(403, 404, 429, 503, stream=True),
    dependencies=[Depends(stream)],
)
async def events(job: Known, request: Request, service: Here) -> AsyncIterable[ServerSentEvent]:
    """Follow a job: an event `job` whenever something changes, until it is over."""
    before, wait = None, _INTERVAL
    while not await request.is_disconnected():
        found = await run_in_threadpool(service.store.get, job.id)
        if found is None:
            return
        answer = (await run_in_threadpool(job_answer, service, found)).model_dump()
        wait = min(wait * 1.5, _LONGEST_INTERVAL)
        if answer != before:
            yield ServerSentEvent(event="job", data=answer, retry=2000)
            wait = _INTERVAL
        if found.state in FINAL:
            return
        before = answer
        await asyncio.sleep(wait)


def job_answer(service: Service, job: Job) -> JobAnswer:
    """A job as the API gives it."""
    files = result_files(job) if job.state == "done" else {}
    return JobAnswer(
        id=job.id,
        state=job.state,
        submitted=_time(job.submitted),
        started=_time(job.started) if job.started else None,
        finished=_time(job.finished) if job.finished else None,
        expires=_time(job.expires),
        ahead=service.store.ahead(job),
        progress=Progress.model_validate(job),
        model=UsedModel(name=job.model, version=job.version, hash=job.digest),
        compare=job.compare,
        organism=job.organism,  # type: ignore[arg-type]
        counts=dict(job.counts),
        unusable=job.unusable,
        skipped=[ErrorDetail.model_validate(problem) for problem in job.skipped],
        command=command(job),
        files=[
            ResultFile(
                name=name,
                bytes=path.stat().st_size,
                url=service.path("jobs", job.id, "results", name),
            )
            for name, path in files.items()
        ],
        error=ErrorDetail.model_validate(job.error) if job.error else None,
    )


def command(job: Job) -> str:
    """The command that does the same as a job."""
    titles = [upload.title for upload in job.uploads]
    names = [f"./{title}" if title.startswith("-") else title for title in titles]  # no options
    words = ["peft-sp", "predict", *names, "-o", "results", "--organism", job.organism]
    words += ["--model", job.model, "--summary", "--fasta"]
    return shlex.join([*words, *(["--skip-invalid"] if job.skip_invalid else [])])


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
