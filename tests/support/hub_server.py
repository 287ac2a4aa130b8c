"""The few endpoints of the Hugging Face hub that fetching a model takes, over local folders."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub(ThreadingHTTPServer):
    """repositories: id -> commits, oldest first, as (hash, {file name: content}).

    requests: what was asked for, as "METHOD path".
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def commit(self, repository: str, files: dict[str, bytes]) -> str:
        """Push files as a new commit of the main branch; its hash."""
        history = self.repositories.setdefault(repository, [])
        text = repr((len(history), sorted(files.items())))
        history.append((hashlib.sha1(text.encode()).hexdigest(), files))
        return history[-1][0]

    def at(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        history = self.repositories[repository]
        if revision == "main":
            return history[-1]
        return next((commit for commit in history if commit[0] == revision), None)


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self.describe("/".join(parts[2:4]), parts[5] if parts[4:5] == ["revision"] else "main")
        elif parts[2:3] == ["resolve"]:
            self.give("/".join(parts[:2]), parts[3], "/".join(parts[4:]), body)
        else:
            self.refuse("EntryNotFound")

    def describe(self, repository: str, revision: str) -> None:
        if repository not in self.server.repositories:
            return self.refuse("RepoNotFound")
        if (found := self.server.at(repository, revision)) is None:
            return self.refuse("RevisionNotFound")
        names = [{"rfilename": name} for name in found[1]]
        content = {"id": repository, "modelId": repository, "sha": found[0], "siblings": names}
        self.send(json.dumps(content).encode(), {"Content-Type": "application/json"}, True)

    def give(self, repository: str, revision: str, name: str, body: bool) -> None:
        if repository not in self.server.repositories:
            return self.refuse("RepoNotFound")
        if (found := self.server.at(repository, revision)) is None:
            return self.refuse("RevisionNotFound")
        commit, files = found
        if name not in files:
            return self.refuse("EntryNotFound", {"X-Repo-Commit": commit})
        tag = hashlib.sha1(files[name]).hexdigest()
        self.send(files[name], {"ETag": f'"{tag}"', "X-Repo-Commit": commit}, body)

    def send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def refuse(self, code: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(404)
        for key, value in {**(headers or {}), "X-Error-Code": code, "Content-Length": "0"}.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
