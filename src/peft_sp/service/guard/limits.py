"""Who a client is, and how much of the service each may take."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv6Address, IPv6Network, ip_address

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from peft_sp.service.api.answers import limit_answer
from peft_sp.service.job import LimitError
from peft_sp.service.settings import ServiceSettings

_SLOWEST, _LONGEST = 20_000, 3600.0
"""Bytes a second that a body must have on average, once its first seconds are over, and seconds
that it may take in all."""
_UNWANTED = 1_000_000_000
"""Bytes of a body that are let pass unread: a client that still sends reads no answer."""
_FORM_OVERHEAD = 1_000_000
"""Bytes that a form may have beside its files."""
_LATER = 10
UNKNOWN = "unknown"


def identity(scope: Scope, settings: ServiceSettings) -> str:
    """Who a client is: its address, of which IPv6 counts the network of a household (/64).

    Behind a proxy the address that it saw, the last it has noted: all before it are the client's
    own words.
    """
    address = (scope.get("client") or ("",))[0]
    if settings.proxy_headers:
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        address = ",".join(forwarded).rpartition(",")[2].strip() or address
    return _network(address)


def _network(address: str) -> str:
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:  # some proxies note the port
        address = address.partition(":")[0]
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, 64), strict=False))


class Places:
    """What clients may have open at the same time, as uploads: so many in all, so many each."""

    def __init__(self, what: str, most: int, most_each: int) -> None:
        self._what, self._most, self._most_each = what, most, most_each
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    @contextmanager
    def taken(self, client: str) -> Iterator[None]:
        """Take a place. Raises LimitError where there is none."""
        if len(self) >= self._most:
            raise LimitError(f"too many {self._what} are open", _LATER, everyone=True)
        if self._open[client] >= self._most_each:
            raise LimitError(f"you have too many {self._what} open", _LATER)
        self._open[client] += 1
        try:
            yield
        finally:
            self._open[client] -= 1
            if not self._open[client]:
                del self._open[client]


class LimitedBodies:
    """ASGI middleware: a body has so many bytes at most, comes in time, and is one of a few."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app, self._settings = app, settings
        self._places = Places("uploads", settings.max_uploads, settings.max_uploads_each)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # All others are read whole.
        form = scope["path"] == f"{self._settings.root_path}/api/v1/jobs" and (
            headers.get("content-type", "").lower().startswith("multipart/form-data")
        )
        limited = _Body(receive, self._settings, form, headers.get("content-length", ""))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await limited.let_pass()
                message = {"type": "http.response.body"}
            await send(message)

        try:
            with self._places.taken(identity(scope, self._settings)):
                await self._app(scope, limited.receive, answer)
        except LimitError as error:
            await limit_answer(error)(scope, receive, answer)


class _Body:
    """A body as it comes."""

    def __init__(
        self, receive: Receive, settings: ServiceSettings, form: bool, announced: str
    ) -> None:
        self._receive, self._settings = receive, settings
        self._most = settings.max_bytes if form else settings.max_text_bytes
        self._allowed = self._most + (_FORM_OVERHEAD if form else 0)
        self._announced = int(announced) if announced.isdecimal() else 0
        self._over, self._read = False, 0
        self._begin: float | None = None

    async def receive(self) -> Message:
        """The next message. Raises HTTPException for too much, or too slow a body."""
        if self._over:
            return await self._receive()  # waits for the client to leave
        if max(self._read, self._announced) > self._allowed:
            raise self._too_large()
        message = await self._next()
        if self._read > self._allowed:
            raise self._too_large()
        return message

    async def let_pass(self) -> None:
        """Read what still comes, within limits, and forget it."""
        most = self._read + _UNWANTED
        with suppress(HTTPException):
            while not self._over and max(self._read, self._announced) <= most:
                await self._next()

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._patience()):
                message = await self._receive()
        except TimeoutError:
            self._over = True
            raise HTTPException(408, "the request comes too slowly") from None
        self._read += len(message.get("body", b""))
        self._over = not message.get("more_body", False)
        return message

    def _patience(self) -> float:
        """Seconds until the next piece must be here."""
        now = asyncio.get_running_loop().time()
        self._begin = self._begin or now
        most = self._settings.body_seconds
        in_all = min(_LONGEST, most + self._read / _SLOWEST)
        return min(most, max(0.0, in_all - (now - self._begin)))

    def _too_large(self) -> HTTPException:
        return HTTPException(
            413, f"more than {self._most / 1e6:,g} MB, the most that is taken here at once"
        )
