"""The endpoints of the Hugging Face hub that publishing and fetching a model take, in memory.

Its own client library talks to it through HF_ENDPOINT, with HF_HUB_DISABLE_XET=1.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import yaml

Files = dict[str, bytes]
LARGE = (".safetensors", ".onnx", ".bin")
"""Ends of the names of files that are stored apart from git."""


@dataclass
class Repository:
    """Commits, oldest first, as (hash, files); branches: the hash that each is at."""

    private: bool = False
    commits: list[tuple[str, Files]] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def at(self, revision: str) -> tuple[str, Files] | None:
        wanted = self.branches.get(revision, revision)
        return next((commit for commit in self.commits if commit[0] == wanted), None)

    def add(self, files: Files, branch: str = "main", message: str = "") -> str:
        text = repr((len(self.commits), sorted(files.items())))
        name = hashlib.sha1(text.encode()).hexdigest()
        self.commits.append((name, files))
        self.branches[branch] = name
        self.messages.append(message)
        return name


class Hub(ThreadingHTTPServer):
    """repositories by id; tokens: the owner that each may write for.

    requests: what was asked for, as "METHOD path".
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, str] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def commit(self, repository: str, files: Files) -> str:
        """Push files as a new commit of the main branch; its hash."""
        return self.repositories.setdefault(repository, Repository()).add(files)

    def files(self, repository: str, revision: str = "main") -> Files:
        found = self.repositories[repository].at(revision)
        assert found is not None
        return found[1]


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, reading = self.path.partition("?")[0], self.command in ("HEAD", "GET")
        for pattern, method, reads in ROUTES:
            if reads is reading and (match := re.fullmatch(pattern, path)):
                return method(self, *map(unquote, match.groups()))
        return self.refuse(404, "EntryNotFound")

    @property
    def owner(self) -> str | None:
        """Whose token came with the request."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return self.server.tokens.get(token)

    def find(self, name: str, revision: str) -> tuple[str, Files] | None:
        """The commit of a revision; where there is none, that was answered."""
        found = self.server.repositories.get(name)
        if found is None or (found.private and self.owner != name.split("/", maxsplit=1)[0]):
            return self.refuse(404, "RepoNotFound")
        if (commit := found.at(revision)) is None:
            return self.refuse(404, "RevisionNotFound")
        return commit

    def may_write(self, name: str) -> bool:
        if self.owner is None:
            self.refuse(401)
        elif self.owner != name.split("/", maxsplit=1)[0]:
            self.refuse(403)
        return self.owner == name.split("/", maxsplit=1)[0]

    # What is read.

    def describe(self, name: str, revision: str = "main") -> None:
        if (found := self.find(name, revision)) is not None:
            names = [{"rfilename": file} for file in found[1]]
            self.reply({"id": name, "modelId": name, "sha": found[0], "siblings": names})

    def list_tree(self, name: str, revision: str) -> None:
        if (found := self.find(name, revision)) is not None:
            self.reply(
                [
                    {"type": "file", "path": file, "size": len(content), "oid": _git(content)}
                    for file, content in found[1].items()
                ]
            )

    def give(self, name: str, revision: str, file: str) -> None:
        if (found := self.find(name, revision)) is None:
            return
        commit, files = found
        if file not in files:
            return self.refuse(404, "EntryNotFound", {"X-Repo-Commit": commit})
        self.send(files[file], {"ETag": f'"{_git(files[file])}"', "X-Repo-Commit": commit})

    # What is written.

    def create(self) -> None:
        wanted = json.loads(self.content)
        name = f"{wanted['organization']}/{wanted['name']}"
        if not self.may_write(name):
            return
        there = name in self.server.repositories
        if not there:
            made = Repository(wanted.get("visibility") == "private")
            made.add({".gitattributes": b"*.safetensors filter=lfs\n"})
            self.server.repositories[name] = made
        self.reply({"url": f"{self.server.address}/{name}"}, 409 if there else 200)

    def branch(self, name: str, branch: str) -> None:
        if self.may_write(name) and (found := self.find(name, "main")) is not None:
            there = self.server.repositories[name].branches
            self.reply({}, 409 if branch in there else 200)
            there.setdefault(branch, found[0])

    def check_metadata(self) -> None:
        text = json.loads(self.content)["content"]
        match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
        values = yaml.safe_load(match[1]) if match else {}
        errors = [] if values.get("license") else [{"message": "license is missing"}]
        self.reply({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, name: str, revision: str) -> None:
        if self.may_write(name) and (found := self.find(name, revision)) is not None:
            self.reply(
                {
                    "files": [
                        {
                            "path": (path := one["path"]),
                            "uploadMode": "lfs" if path.endswith(LARGE) else "regular",
                            "shouldIgnore": False,
                            "oid": _oid(path, found[1].get(path)),
                        }
                        for one in json.loads(self.content)["files"]
                    ]
                }
            )

    def batch(self, name: str) -> None:
        if self.may_write(name):
            objects: list[dict[str, Any]] = json.loads(self.content)["objects"]
            for one in objects:
                if one["oid"] not in self.server.large:
                    href = {"href": f"{self.server.address}/large/{one['oid']}"}
                    one["actions"] = {"upload": href, "verify": href}
            self.reply({"transfer": "basic", "objects": objects})

    def store(self, checksum: str) -> None:
        if self.command == "PUT":
            assert hashlib.sha256(self.content).hexdigest() == checksum
            self.server.large[checksum] = self.content
        self.reply({}, 200 if checksum in self.server.large else 404)

    def receive(self, name: str, revision: str) -> None:
        if not self.may_write(name) or (found := self.find(name, revision)) is None:
            return
        files, message = dict(found[1]), ""
        for line in self.content.splitlines():
            one = json.loads(line)
            value = one["value"]
            if one["key"] == "header":
                message = value["summary"]
            elif one["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif one["key"] == "lfsFile":
                files[value["path"]] = self.server.large[value["oid"]]
            elif one["key"] == "deletedFile":
                del files[value["path"]]
        commit = self.server.repositories[name].add(files, revision, message)
        self.reply(
            {"commitUrl": f"{self.server.address}/{name}/commit/{commit}", "commitOid": commit}
        )

    # How it is answered.

    def reply(self, content: Any, status: int = 200) -> None:
        self.send(json.dumps(content).encode(), {"Content-Type": "application/json"}, status)

    def send(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str = "", headers: dict[str, str] | None = None) -> None:
        self.send(b"", {**(headers or {}), **({"X-Error-Code": code} if code else {})}, status)

    def log_message(self, *_: object) -> None:
        pass


_NAME = "([^/]+/[^/]+)"
_MODEL = f"/api/models/{_NAME}"
# Each path, what answers it, and whether that only reads.
ROUTES = (
    (_MODEL, _Handler.describe, True),
    (f"{_MODEL}/revision/([^/]+)", _Handler.describe, True),
    (f"{_MODEL}/tree/([^/]+)", _Handler.list_tree, True),
    (f"/{_NAME}/resolve/([^/]+)/(.+)", _Handler.give, True),
    ("/api/repos/create", _Handler.create, False),
    (f"{_MODEL}/branch/([^/]+)", _Handler.branch, False),
    ("/api/validate-yaml", _Handler.check_metadata, False),
    (f"{_MODEL}/preupload/([^/]+)", _Handler.preupload, False),
    (f"/{_NAME}\\.git/info/lfs/objects/batch", _Handler.batch, False),
    ("/large/([0-9a-f]{64})", _Handler.store, False),
    (f"{_MODEL}/commit/([^/]+)", _Handler.receive, False),
)


def _git(content: bytes) -> str:
    """A file's hash in git."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _oid(name: str, content: bytes | None) -> str | None:
    """By what the client knows a file that is there already."""
    if content is None:
        return None
    return hashlib.sha256(content).hexdigest() if name.endswith(LARGE) else _git(content)


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
