"""uvicorn, on a socket that listens already, so that a port that is taken is one line."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from peft_sp.errors import OptionError
from peft_sp.service.guard.connections import server_options
from peft_sp.service.settings import ServiceSettings

_WAITING = 1024
"""Connections that may wait to be taken."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def run(
    app: Any, listener: socket.socket, settings: ServiceSettings, ready: Callable[[], None]
) -> None:
    """Serve an application until a signal comes; ready: is called when requests are answered.

    Of uvicorn's messages, warnings and errors alone go to standard error.
    """
    config = uvicorn.Config(app, log_config=None, **server_options(settings))
    _Server(config, ready).run(sockets=[listener])


def listening(settings: ServiceSettings) -> socket.socket:
    """A socket that listens where the settings say. Raises OptionError."""
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_WAITING)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise OptionError(
            f"{host}, port {port}: cannot be listened on ({error.strerror}); "
            "choose another with --port or --host"
        ) from None
    return listener


def address(listener: socket.socket, settings: ServiceSettings) -> str:
    """Where a browser of this machine finds the page."""
    host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}{settings.root_path}/"
