"""How uvicorn serves the application: connections that must say what they want in time."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from peft_sp.service.settings import ServiceSettings

HEADER_SECONDS = 15.0
"""Seconds in which a connection must send the head of a request; uvicorn would wait for ever."""
_OTHERS = 200
"""Connections beside the streams of events."""
MOST_EACH = 200
"""Connections of an address, unless it is a proxy's."""


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose next request does not come."""

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, most_each: float, **options: Any) -> None:
        super().__init__(*args, **options)
        self._most_each = most_each

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; one that has too many connections is let go."""
        super().connection_made(transport)
        if sum(_address(other) == _address(self) for other in self.connections) > self._most_each:
            transport.close()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """It has sent something."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        self._unwatch()

    def _watch(self) -> None:
        """Wait for a head that is not whole, and for no other."""
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _address(connection: Any) -> str | None:
    return connection.client[0] if connection.client else None


def server_options(settings: ServiceSettings) -> dict[str, Any]:
    """Options of uvicorn: no client's words in its log, no slow clients, few at a time."""
    most_each = math.inf if settings.proxy_headers or settings.root_path else MOST_EACH
    return {
        "host": settings.host,
        "port": settings.port,
        "http": partial(PromptProtocol, most_each=most_each),
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # `limits.identity` reads them, of the nearest proxy alone
        "timeout_keep_alive": 10,
        "timeout_graceful_shutdown": 5,
        "limit_concurrency": settings.max_streams + _OTHERS,
    }
