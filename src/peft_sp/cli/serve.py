"""`peft-sp serve`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from peft_sp.cli.models import chosen
from peft_sp.cli.terminal import console
from peft_sp.errors import InputError, MissingExtraError
from peft_sp.service.settings import GB, MB, ServiceSettings

TOKEN = "PEFT_SP_TOKEN"  # noqa: S105  the name of a variable
DEFAULT = ServiceSettings(Path("peft-sp-jobs"))


def _limit(help: str) -> Any:
    return typer.Option(min=1, help=help, rich_help_panel="Limits")


def _network(name: str, help: str) -> Any:
    return typer.Option(name, help=help, rich_help_panel="For other machines")


Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")]
Directory = Annotated[
    Path, typer.Option("--directory", "-d", help="Keeps jobs, with their input and results.")
]
Workers = Annotated[int, typer.Option(min=1, help="Jobs that run at the same time.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Of each worker; default: its share of all.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="Models to offer, the default first; repeat it."),
]
KeepDays = Annotated[
    float, typer.Option(min=0.001, help="Days after which a job that is over is removed.")
]
MaxMegabytes = Annotated[int, _limit("Megabytes of a job's input, unpacked.")]
MaxRecords = Annotated[int, _limit("Proteins of a job.")]
MaxLength = Annotated[int, _limit("Residues of a protein.")]
MaxJobs = Annotated[int, _limit("Jobs of a client that wait or run.")]
MaxQueued = Annotated[int, _limit("Jobs that wait, of all clients.")]
MaxSeconds = Annotated[float, _limit("Seconds that a job may run.")]
MaxDisk = Annotated[float, _limit("Gigabytes of all jobs.")]
TokenFile = Annotated[
    Path | None,
    _network("--token-file", f"Holds a token that clients must show; or set {TOKEN}."),
]
RootPath = Annotated[str, _network("--root-path", "Where a proxy shows the service, as /peft-sp.")]
ProxyHeaders = Annotated[
    bool, _network("--proxy-headers", "A proxy says who the client is (X-Forwarded-For).")
]
Origins = Annotated[
    list[str] | None,
    _network("--origin", "Web page of another server that may use the API; repeat it."),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(serve)


def serve(
    host: Host = DEFAULT.host,
    port: Port = DEFAULT.port,
    directory: Directory = DEFAULT.directory,
    workers: Workers = DEFAULT.workers,
    threads: Threads = DEFAULT.threads,
    model: Models = None,
    keep_days: KeepDays = DEFAULT.kept_days,
    max_mb: MaxMegabytes = DEFAULT.max_bytes // MB,
    max_records: MaxRecords = DEFAULT.max_records,
    max_length: MaxLength = DEFAULT.max_length,
    max_jobs: MaxJobs = DEFAULT.max_jobs,
    max_queued: MaxQueued = DEFAULT.max_queued,
    max_seconds: MaxSeconds = DEFAULT.max_seconds,
    max_disk_gb: MaxDisk = DEFAULT.max_disk / GB,
    token_file: TokenFile = None,
    root_path: RootPath = DEFAULT.root_path,
    proxy_headers: ProxyHeaders = DEFAULT.proxy_headers,
    origin: Origins = None,
) -> None:
    """Serve the web page and the HTTP API, on this machine alone if not told otherwise.

    Jobs are kept in a directory. Ctrl-C stops the server; jobs that are not done are continued
    when it is started again.

    Example: [bold]peft-sp serve --port 8000[/bold]
    """
    settings = ServiceSettings(
        directory,
        host=host,
        port=port,
        workers=workers,
        threads=threads,
        models=tuple(model or DEFAULT.models),
        kept_days=keep_days,
        max_bytes=max_mb * MB,
        max_records=max_records,
        max_length=max_length,
        max_jobs=max_jobs,
        max_queued=max_queued,
        max_seconds=max_seconds,
        max_disk=int(max_disk_gb * GB),
        token=_token(token_file),
        origins=tuple(origin or ()),
        root_path=root_path,
        proxy_headers=proxy_headers,
    )
    for name in settings.models:
        chosen(name)
    _run(settings)


def _token(file: Path | None) -> str | None:
    """The token, which stands in no command line: others can read those."""
    if file is None:
        return os.environ.get(TOKEN) or None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no text"
        raise InputError(f"cannot be read ({why})", path=str(file)) from None


def _run(settings: ServiceSettings) -> None:
    try:
        from peft_sp.service import server
        from peft_sp.service.app import create_app
    except ImportError as error:
        raise MissingExtraError("peft-sp serve", "web", error.name) from None
    from peft_sp.service.supervisor import Supervisor

    with server.listening(settings) as listener, Supervisor(settings):
        address = server.address(listener, settings)
        app = create_app(settings)
        server.run(app, listener, settings, lambda: _say(f"{address} (Ctrl-C stops the server)"))


def _say(line: str) -> None:
    console.say(line)
    sys.stdout.flush()
