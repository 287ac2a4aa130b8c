"""The application: the routes of API and page behind what protects them."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from peft_sp.service.api import about, health, jobs, pages, predict, results, scan
from peft_sp.service.api.answers import answer_errors, documented
from peft_sp.service.api.models import Models
from peft_sp.service.api.state import Service
from peft_sp.service.guard.limits import LimitedBodies, Places
from peft_sp.service.guard.protection import Admitted, Guarded, Rooted
from peft_sp.service.jobs import JobStore
from peft_sp.service.settings import ServiceSettings
from peft_sp.version import __version__

DESCRIPTION = """Signal peptides: which of six types a protein has, where it is cut, its regions.

Send proteins as a job (`POST /api/v1/jobs`), follow it (`/events`) and fetch its results, or send a
few to `POST /api/v1/predict`. An error is `{"error": {"message", "line", "record", "file"}}`."""


def create_app(settings: ServiceSettings, store: JobStore | None = None) -> FastAPI:
    """An application; store: where the jobs are, by default the directory of the settings."""
    store = store or JobStore(settings)
    streams = Places("streams of events", settings.max_streams, settings.max_streams_each)
    scans = Places("scans", settings.max_scans, settings.max_scans_each)
    service = Service(settings, store, Models(settings), streams, scans)
    registry = CollectorRegistry()
    app = FastAPI(
        title="PEFT-SP",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # its pages load scripts from other servers
        redoc_url=None,
        redirect_slashes=False,
        middleware=_middleware(settings, registry),
    )
    app.state.service, app.state.registry = service, registry
    registry.register(health.ServiceCollector(service))
    answer_errors(app)
    # What the description says of it; `Admitted` looks at the token.
    token = [] if settings.token is None else [Depends(HTTPBearer(auto_error=False))]
    errors = documented(*([401] if token else []), 403)
    api = APIRouter(prefix="/api/v1", responses=errors, dependencies=token)
    for part in (about, jobs, results, scan, predict):
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(health.router)
    pages.mount_pages(app)
    return app


def _middleware(settings: ServiceSettings, registry: CollectorRegistry) -> list[Middleware]:
    """From the outermost to the innermost."""
    stack = [
        Middleware(Rooted, root=settings.root_path),
        Middleware(health.Measured, registry=registry),
        Middleware(Guarded),
    ]
    if settings.origins:
        stack.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["Location", "Retry-After"],
            )
        )
    return [
        *stack,
        Middleware(LimitedBodies, settings=settings),
        Middleware(Admitted, settings=settings),
    ]
