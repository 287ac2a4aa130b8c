"""Every single-residue change of a protein of a job, predicted while the client waits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response

from peft_sp.errors import ModelError
from peft_sp.service.api.answers import ProblemError, documented
from peft_sp.service.api.results import has_it, headers_of, page_index
from peft_sp.service.api.schemas import ScanRow
from peft_sp.service.api.state import Finished, Here, scanning

router = APIRouter(prefix="/jobs/{id}", tags=["results"])


@router.get(
    "/scan/{number}",
    response_model=list[ScanRow],
    responses=documented(404, 409, 422, 429, 503),
    dependencies=[Depends(scanning)],
)
def scan_protein(
    request: Request,
    job: Finished,
    service: Here,
    number: Annotated[int, PathParameter(ge=0, le=2**31)],
) -> Response:
    """The rows of `scan.tsv` of a protein (by its number from 0): as it is, then each change."""
    headers = headers_of(job, f"scan-{number}")
    if has_it(request, headers):
        return Response(status_code=304, headers=headers)
    try:
        header, window = page_index(job).protein(number)
    except IndexError:
        raise ProblemError(404, "the job has no such protein") from None
    try:
        service.models.require(job.model)
        rows = service.models.scan(job.model, job.organism, header, window)
    except ModelError as error:
        raise ProblemError(422, str(error)) from None
    return JSONResponse(rows, headers=headers)
