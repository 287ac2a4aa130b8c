"""The page: its files, those that it shares with `summary.html`, and what it must know."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import peft_sp.io.plotting.summary
from peft_sp.service import facts

STATIC = Path(__file__).parents[1] / "static"
SHARED = Path(peft_sp.io.plotting.summary.__file__).parent / "static"
router = APIRouter(include_in_schema=False)


class _Fresh(StaticFiles):
    """Files that a browser asks for again, and has again only where they changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


@router.get("/facts.json")
def facts_json() -> Response:
    """What the page must know of the package."""
    return Response(
        facts.facts_json(), media_type="application/json", headers={"Cache-Control": "no-cache"}
    )


@router.get("/palette.css")
def palette() -> Response:
    """The colours."""
    return Response(facts.palette(), media_type="text/css", headers={"Cache-Control": "no-cache"})


def mount_pages(app: FastAPI) -> None:
    """Serve the page's files, behind all other routes."""
    app.include_router(router)
    app.mount("/shared", _Fresh(directory=SHARED), name="shared")
    app.mount("/", _Fresh(directory=STATIC, html=True, check_dir=False), name="page")
