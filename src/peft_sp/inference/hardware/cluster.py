"""A Ray cluster for a while: one that runs already, or one that is started on this machine."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from peft_sp.errors import MissingExtraError, OptionError, OutputError, PeftSpError, UnreadableError
from peft_sp.io.atomic import locked
from peft_sp.wording import counted

LOCAL = "local"
"""The address of a cluster that is started for one run, on this machine."""
TRIES = 3
"""Times that a piece of work is begun before it is given up."""
PATIENCE = 30.0
"""Seconds without any worker after which a user should know what is waited for."""
WAITS_FOR_ROOM = "no worker has started yet; the cluster may have no room now"
_STORE = 80 << 20
"""Bytes of shared memory, near the least that Ray takes: nothing large passes through it."""
_SESSION = "peft-sp-ray-"
"""How the folders of clusters on this machine begin: Ray's logs and sockets."""
_LONGEST = 18
"""Letters of a temporary folder at most: Ray's names in it must fit into those of sockets, 107."""
_TRIES_TO_REMOVE = 20
_WAIT = 10.0
"""Seconds in which the head of a cluster must answer; Ray itself asks for minutes."""
_TOKEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_IF_REFUSED = (
    "; if it asks for a token, as newer versions of Ray do, set RAY_AUTH_MODE=token and "
    "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH"
)


@contextmanager
def connected(address: str, processors: int | None = None) -> Iterator[Any]:
    """The module `ray` while it is connected to a cluster.

    address: `LOCAL` for one that is started, and ends with this process however that ends; else
    as `ray.init` takes it. processors: of one that is started.

    Raises OptionError where the cluster cannot be reached, MissingExtraError.
    """
    with ExitStack() as stack:
        _set_environment()
        where: dict[str, Any] = {"address": address}
        if address == LOCAL:
            stack.enter_context(_own_token())
            where |= {
                "_temp_dir": str(stack.enter_context(_session())),
                "num_cpus": processors,
                "object_store_memory": _STORE,
                "include_dashboard": False,
            }
        else:
            _knock(address)
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("a cluster", "cluster", error.name) from None
        # It prints what it hears of workers that died on standard output, which is ours.
        ray._private.worker._worker_logs_enabled = False
        stack.callback(ray.shutdown)
        _start(ray, address, where)
        yield ray


def room_for(ray: Any, address: str, count: int | None, threads: int, gpus: float) -> int:
    """How many workers to start: `count`, or as many as the cluster has room for.

    threads, gpus: of each. Raises OptionError where no machine has room for one.
    """
    room = 0
    for node in ray.nodes():
        if node["Alive"]:
            own = node["Resources"]
            fitting = own.get("CPU", 0) // threads
            if gpus:
                fitting = min(fitting, own.get("GPU", 0) // gpus)
            room += int(fitting)
    if room == 0 and (count is None or address == LOCAL):
        raise OptionError(
            f"no machine of the cluster has room for a worker of {counted(threads, 'thread')}"
            + (f" and {gpus:g} GPUs" if gpus else "")
        )
    return count or room  # others may join a cluster that grows on demand


def cause_of_death(error: Exception) -> str:
    """Why a worker died, as far as Ray's error says."""
    short = "memory ran short" in str(error) or "Memory" in type(error).__name__
    why = "memory ran short" if short else "killed, out of memory, or its machine is gone"
    return f"its worker died ({why})"


def may_pass(problem: PeftSpError) -> bool:
    """Whether another try may succeed: a disk may have room, and a network may work again."""
    return isinstance(problem, OutputError | UnreadableError)


def _set_environment() -> None:
    """Settings that Ray reads when it is loaded."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing leaves the machine
    # Of a cluster that is started: its workers yield to other programs no more than we do.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Ray takes no token to an address that is given, unless it is told to: one that the
    # environment names is meant.
    if any(name in os.environ for name in _TOKEN):
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _start(ray: Any, address: str, where: dict[str, Any]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        for last in (False, True):
            try:
                ray.init(log_to_driver=False, logging_level="CRITICAL", **where)
                return
            except Exception as error:  # Ray has no class for most of them
                ray.shutdown()
                # It gives its own parts 30 seconds, which is too little on a busy machine.
                if last or "timed out during startup" not in str(error):
                    raise OptionError(_unreachable(address, error)) from None
    finally:
        # Ray takes the signal for itself, and would end with another exit code.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _unreachable(address: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    hint = _IF_REFUSED if address != LOCAL and isinstance(error, ConnectionError) else ""
    return f"the cluster '{address}' cannot be reached ({reason[:300]}){hint}"


def _knock(address: str) -> None:
    """Raise OptionError for what is no address, and where nobody listens at one."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise OptionError(
            f"a cluster is '{LOCAL}', 'auto', HOST:PORT or ray://HOST:PORT, not '{address}'"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _WAIT).close()
    except OSError as error:
        raise OptionError(
            f"the cluster '{address}' cannot be reached ({error.strerror or error}); give the "
            "address that 'ray start --head' shows"
        ) from None


@contextmanager
def _own_token() -> Iterator[None]:
    """A password of the cluster, unless there is one: Ray would leave one in the home folder."""
    if any(name in os.environ for name in _TOKEN):
        yield
        return
    os.environ[_TOKEN[0]] = secrets.token_hex(32)
    try:
        yield
    finally:
        os.environ.pop(_TOKEN[0], None)


@contextmanager
def _session() -> Iterator[Path]:
    """A folder for Ray's logs and sockets, which is gone afterwards, as are those of killed runs.

    Each is locked while it is in use; a lock ends with its process.
    """
    above = Path(tempfile.gettempdir())
    if len(str(above)) > _LONGEST and Path("/tmp").is_dir():  # noqa: S108  made by mkdtemp in it
        above = Path("/tmp")  # noqa: S108
    _remove_left(above)
    folder = Path(tempfile.mkdtemp(prefix=_SESSION, dir=above))
    try:
        with locked(folder, "in use"):
            # Ray opens its own folder to everybody.
            yield folder / "r"
    finally:
        _remove(folder)
        # A worker that a killed cluster had begun to start makes its folder anew.
        _remove_left(above)


def _remove_left(above: Path) -> None:
    """Remove the folders of runs that were killed."""
    for left in above.glob(f"{_SESSION}*"):
        with suppress(OutputError), locked(left, "in use"):
            _remove(left)


def _remove(folder: Path) -> None:
    """Remove a folder in which processes of Ray that outlive their cluster may begin new files."""
    for _ in range(_TRIES_TO_REMOVE):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
