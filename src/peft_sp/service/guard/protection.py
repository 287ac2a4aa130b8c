"""What stands between a client and every route: headers, the token, other pages, failures."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import traceback
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from peft_sp.service import facts
from peft_sp.service.api.answers import error_answer
from peft_sp.service.settings import ServiceSettings

HEADERS = {
    "Content-Security-Policy": facts.policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # With these two a page has SharedArrayBuffer, and so more than one thread.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
OPEN = ("/healthz", "/readyz")
"""Paths that need no token: who asks them has none."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_log = logging.getLogger("peft_sp.service")


class Guarded:
    """ASGI middleware: its headers are on every answer, and a failure of ours is one line.

    What is logged of a failure is where it was, never the request: that may be a secret.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except ClientDisconnect:
            return
        except Exception as error:
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("%s in answering a request:\n%s", type(error).__name__, where)
            if started:
                raise RuntimeError("an answer was broken off, see above") from None
            await error_answer(500, "the server made a mistake")(scope, receive, guarded)


class Rooted:
    """ASGI middleware: a proxy shows the service under a path, which it may leave out or not.

    The path without a slash at its end leads to the one with it, below which the page's files are.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and self._root:
            path = scope["path"]
            if path == self._root:
                await RedirectResponse(f"{self._root}/")(scope, receive, send)
                return
            if not path.startswith(self._root + "/"):
                path = self._root + path
            scope = {**scope, "root_path": self._root, "path": path}
        await self._app(scope, receive, send)


class Admitted:
    """ASGI middleware: who shows no token, or is the page of another server, is turned away.

    The token comes as a bearer's, or as the password of any name: for that a browser asks by
    itself. A page of another server cannot make a browser do anything here, unless it is named;
    nor can one whose name leads to this machine, where the service is of this machine alone.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app, self._settings = app, settings
        behind_proxy = settings.proxy_headers or settings.root_path
        self._local = not behind_proxy and _is_this_machine(settings.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            path = scope["path"].removeprefix(self._settings.root_path)
            host = headers.get("host")
            if self._local and host and not _is_this_machine(_name(host)):
                problem = (
                    "this server answers by the names of its own machine alone, as localhost; "
                    "other names need --host, or --proxy-headers behind a proxy"
                )
                await error_answer(403, problem)(scope, receive, send)
                return
            if self._settings.token is not None and path not in OPEN and not self._has(headers):
                wanted = {"WWW-Authenticate": 'Basic realm="PEFT-SP", charset="UTF-8"'}
                problem = "this server wants a token: send 'Authorization: Bearer TOKEN'"
                await error_answer(401, problem, wanted)(scope, receive, send)
                return
            if scope["method"] not in _SAFE and self._is_foreign(headers):
                problem = "the page of another server may not do this, unless --origin names it"
                await error_answer(403, problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _has(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip()
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return False
        elif kind.lower() != "bearer":
            return False
        assert self._settings.token is not None
        return hmac.compare_digest(
            given.encode("utf-8", "replace"), self._settings.token.encode("utf-8", "replace")
        )

    def _is_foreign(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin in self._settings.origins:
            return False
        if (site := headers.get("sec-fetch-site")) is not None:
            return site not in ("same-origin", "none")
        if origin is None:
            return False
        hosts = [headers.get("host")]
        if self._settings.proxy_headers:
            hosts.append(headers.get("x-forwarded-host"))
        return urlsplit(origin).netloc not in hosts


def _name(host: str) -> str:
    """The name, or the address, of a header `Host`."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_this_machine(name: str) -> bool:
    """Whether a name or an address never leads to another machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
