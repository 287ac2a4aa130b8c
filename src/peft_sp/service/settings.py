"""How a service is to run: every option, with a default that suits a lab's own machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from peft_sp.errors import OptionError
from peft_sp.io.registry import lookup

_ORIGIN = re.compile(r"https?://[^/\s]+")
MB = 1_000_000
GB = 1000 * MB


@dataclass(frozen=True)
class ServiceSettings:
    """Options of `peft-sp serve`.

    directory: holds the jobs, their input and their results. host, port: to listen on; "0.0.0.0" is
    every address of the machine. workers: jobs that run at the same time, each in a process of its
    own. threads: of the processor for each, None for all. models: the names of models that may be
    asked for; the first is the default. kept_days: after which a finished job is removed.

    Limits. max_bytes: of a job's input, also when it is unpacked; max_text_bytes: of a body in
    JSON, which is read whole; max_records: of a job; max_length: of a sequence; max_files: of a
    job; max_at_once: sequences that are answered at once; max_jobs: of a client, that wait and run;
    max_queued: of all clients, that wait; max_seconds: that a job may run; max_scan_seconds: that
    the scan of a protein may take; max_scans, max_scans_each: of them that wait and run, of all
    clients and of each; max_disk: bytes that all jobs take together; free_disk: bytes that must
    stay free on the disk; body_seconds: that a client may send nothing in; max_streams: of events,
    that are open at the same time, and max_streams_each: of a client; max_uploads,
    max_uploads_each: the same of requests with a body.

    token: that clients must show, None for no such need. origins: web pages of other servers that
    may use the API. root_path: where a proxy shows the service, as "/peft-sp". proxy_headers: a
    proxy stands in front, which says who the client is.

    Raises OptionError for a value that an option cannot have.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    threads: int | None = None
    models: tuple[str, ...] = (lookup.DEFAULT,)
    kept_days: float = 7.0
    max_bytes: int = 500 * MB
    max_text_bytes: int = 10 * MB
    max_records: int = 1_000_000
    max_length: int = 100_000
    max_files: int = 100
    max_at_once: int = 100
    max_jobs: int = 50
    max_queued: int = 10_000
    max_seconds: float = 6 * 3600.0
    max_scan_seconds: float = 60.0
    max_scans: int = 4
    max_scans_each: int = 2
    max_disk: int = 50 * GB
    free_disk: int = GB
    body_seconds: float = 30.0
    max_streams: int = 500
    max_streams_each: int = 50
    max_uploads: int = 32
    max_uploads_each: int = 16
    token: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    root_path: str = ""
    proxy_headers: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "directory", Path(self.directory))
        for name, value in vars(self).items():
            positive = name.startswith("max_") or name in ("workers", "kept_days", "body_seconds")
            if positive and not value > 0:
                raise OptionError(f"{name.replace('_', ' ')} is {value}; give more than 0")
        if not self.models:
            raise OptionError("a service needs a model; name one")
        if self.root_path and (self.root_path[0] != "/" or self.root_path[-1] == "/"):
            raise OptionError(
                f"root path is '{self.root_path}'; give it as /name, without a slash at its end"
            )
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise OptionError(
                    f"origin is '{origin}'; give it as https://name, without a path or a slash"
                )
        if self.token is not None and len(self.token) < 16:
            raise OptionError("the token is shorter than 16 letters, which can be guessed")
