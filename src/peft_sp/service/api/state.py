"""What the routes of one application share, and how they come to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from peft_sp.service.api.answers import ProblemError
from peft_sp.service.api.models import Models
from peft_sp.service.guard.limits import Places, identity
from peft_sp.service.job import Job
from peft_sp.service.jobs import JobStore
from peft_sp.service.settings import ServiceSettings


@dataclass(frozen=True)
class Service:
    """A running service; streams: of events, that are open; scans: that wait and run."""

    settings: ServiceSettings
    store: JobStore
    models: Models
    streams: Places
    scans: Places

    def path(self, *parts: str) -> str:
        """The path of something of the API, as a client has to ask for it."""
        return "/".join((f"{self.settings.root_path}/api/v1", *parts))


async def _service(request: Request) -> Service:
    found: Service = request.app.state.service
    return found


Here = Annotated[Service, Depends(_service)]


async def _client(request: Request, service: Here) -> str:
    return identity(request.scope, service.settings)


Client = Annotated[str, Depends(_client)]


async def stream(service: Here, client: Client) -> AsyncIterator[None]:
    """A place among the streams of events, as long as the answer lasts."""
    with service.streams.taken(client):
        yield


async def scanning(service: Here, client: Client) -> AsyncIterator[None]:
    """A place among the scans, as long as the answer takes."""
    with service.scans.taken(client):
        yield


def _job(id: str, service: Here) -> Job:
    job = service.store.get(id)
    if job is None:
        raise ProblemError(404, "there is no such job, or it has expired")
    return job


Known = Annotated[Job, Depends(_job)]
"""The job of the path's id."""


async def _finished(job: Known) -> Job:
    if job.state == "done":
        return job
    if job.state == "failed" and job.error is not None:
        raise ProblemError(409, job.error)
    raise ProblemError(409, f"the job is {job.state}, and has no results")


Finished = Annotated[Job, Depends(_finished)]
"""The job of the path's id, which is done."""
