"""Errors as the API gives them: one line, where in the input, and never more than that."""

from __future__ import annotations

import logging
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from peft_sp.errors import PeftSpError
from peft_sp.service.api.schemas import ErrorAnswer
from peft_sp.service.job import LimitError, Problem

_log = logging.getLogger("peft_sp.service")
_LATER = 30
"""Seconds after which a trouble of the server may be over."""
_LISTED = 5
"""Mistakes of a request that an answer names."""


class ProblemError(Exception):
    """A request that cannot be answered, with its status."""

    def __init__(self, status: int, problem: Problem | str) -> None:
        self.status = status
        self.problem = problem if isinstance(problem, Problem) else Problem(problem)
        super().__init__(self.problem.message)


def error_answer(
    status: int, problem: Problem | str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error's answer."""
    problem = problem if isinstance(problem, Problem) else Problem(problem)
    return JSONResponse({"error": asdict(problem)}, status, headers)


def documented(*statuses: int, stream: bool = False) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a route's errors; stream: its other answers are no JSON."""
    form: dict[str, Any] = {"model": ErrorAnswer}
    if stream:
        schema = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
        form = {"content": {"application/json": {"schema": schema}}}
    return {status: {**form, "description": _phrase(status)} for status in statuses}


def answer_errors(app: FastAPI) -> None:
    """Have an application answer every error that a client can cause in the one form."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(LimitError, _limit)
    app.add_exception_handler(PeftSpError, _package)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return error_answer(error.status, error.problem)


async def _limit(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LimitError)
    return limit_answer(error)


def limit_answer(error: LimitError) -> JSONResponse:
    """The answer to who asks for more than there is, with when to come again."""
    status = 503 if error.everyone else 429
    problem = f"{error}; try again in {error.seconds} seconds"
    return error_answer(status, problem, {"Retry-After": str(error.seconds)})


async def _package(_: Request, error: Exception) -> JSONResponse:
    # Those of a client's input are made a ProblemError; what is left may name files of the server.
    _log.error("%s", error)
    return limit_answer(LimitError("the server cannot do this now", _LATER, everyone=True))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    listed = [_mistake(one) for one in found[:_LISTED]]
    if more := len(found) - len(listed):
        listed.append(f"and {more:,} more")
    return error_answer(422, "; ".join(listed))


def _mistake(found: dict[str, Any]) -> str:
    """A mistake of a request, with where in it but not what stands there."""
    where = ".".join(str(part) for part in found["loc"][1:])
    return f"{where}: {found['msg']}" if where else str(found["msg"])


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    problem = error.detail
    if problem == _phrase(error.status_code):
        problem = {404: "there is nothing here", 405: "this cannot be done here"}.get(
            error.status_code, problem
        )
    return error_answer(error.status_code, problem, dict(error.headers or {}))


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
