"""Whether the service works, for whoever watches over it, and its numbers for Prometheus."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from peft_sp.errors import OutputError
from peft_sp.service.api.schemas import Health
from peft_sp.service.api.state import Here, Service

router = APIRouter(tags=["health"])
SILENT = 60.0
"""Seconds without a sign of life after which a worker counts as dead."""
_UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {"model": Health, "description": "Service Unavailable"}
}
_LABELS = ("operation", "status")
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
def healthz() -> Health:
    """Whether the server answers."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=Health, responses=_UNAVAILABLE)
def readyz(service: Here) -> Response:
    """Whether jobs can be taken and will be done: the disk, the store and a worker."""
    problems = list(_problems(service))
    answer = Health(status="unavailable" if problems else "ok", problems=problems)
    return JSONResponse(answer.model_dump(), 503 if problems else 200)


def _problems(service: Service) -> Iterable[str]:
    settings = service.settings
    try:
        with tempfile.TemporaryFile(dir=settings.directory) as file:
            file.write(b"0")
        service.store.counts()
    except (OSError, OutputError):
        yield "the jobs cannot be written"
    else:
        if shutil.disk_usage(settings.directory).free < settings.free_disk:
            yield "the disk is full"
        if service.store.used() > settings.max_disk:
            yield "the jobs take all the room that they may"
        seen = service.store.worker_seen()
        if seen is None or time.time() - seen > SILENT:
            yield "no worker gives a sign of life"


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


class Measured:
    """ASGI middleware: counts requests and their seconds, by operation and never by path."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._count = Counter(
            "peft_sp_requests",
            "Requests answered.",
            ("operation", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "peft_sp_request_seconds",
            "Time until an answer began.",
            ("operation",),
            buckets=_SECONDS,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                operation = getattr(scope.get("endpoint"), "__name__", "page")
                self._count.labels(operation, message["status"]).inc()
                self._seconds.labels(operation).observe(time.perf_counter() - begin)
            await send(message)

        await self._app(scope, receive, measured)


class ServiceCollector(Collector):
    """Numbers that are looked up when they are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """Jobs, the worker, the disk, and streams."""
        service = self._service
        jobs = GaugeMetricFamily("peft_sp_jobs", "Jobs by state.", labels=["state"])
        for state, count in service.store.counts().items():
            jobs.add_metric([state], count)
        yield jobs
        free = shutil.disk_usage(service.settings.directory).free
        yield GaugeMetricFamily("peft_sp_disk_free_bytes", "Free on the disk of the jobs.", free)
        used = service.store.used()
        yield GaugeMetricFamily("peft_sp_jobs_bytes", "Bytes of all jobs, about.", used)
        yield GaugeMetricFamily("peft_sp_streams", "Open streams of events.", len(service.streams))
        if (seen := service.store.worker_seen()) is not None:
            age = max(0.0, time.time() - seen)
            yield GaugeMetricFamily("peft_sp_worker_seen_seconds", "Since a worker was seen.", age)
