"""Child processes that call functions of this package, and end with their parent.

Python's own pools start children with the current directory first on their path, run the
program's main file again in each, and leave them behind when the parent is killed.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from peft_sp.errors import OutputError, PeftSpError

Result = TypeVar("Result")
_ROOT = str(Path(__file__).parents[2])
"""Where this package is imported from."""
_LENGTH = 8
"""Bytes that say how long a message is."""


class Child:
    """A Python process that calls functions for its parent, one after the other.

    It finds modules where its parent does, but for the current directory, whatever Python's
    environment variables say. Keys pressed in a terminal do not reach it; it ends when its parent
    does, even where that is killed and a call is under way. Not to be shared by threads.

    Raises OutputError where no process can be started.
    """

    def __init__(self) -> None:
        code = f"import sys; sys.path[:] = {safe_path()!r}; "
        code += "from peft_sp.io.child import serve; serve()"
        utf8 = f"utf8={sys.flags.utf8_mode}"  # names of files mean the same in both
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-X", utf8, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows
            )
        except OSError as error:
            raise OutputError(f"no process can be started ({error.strerror})") from None

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """What a function of a module of this package returns, or raises.

        Raises OutputError where the process has ended.
        """
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None and answers is not None
        try:
            _send(requests, (function, arguments))
            answer = _receive(answers)
        except (OSError, EOFError):
            code = self._process.wait()
            raise OutputError(
                f"a process that this program started has ended (exit code {code}); it was killed, "
                "perhaps because memory ran out"
            ) from None
        if isinstance(answer, _Failure):
            raise answer.error
        result: Result = answer
        return result

    def ask_to_end(self) -> None:
        """Send the process the signal to end, for functions that know what to do about it."""
        self._process.terminate()

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and let go of its pipes; no call may be under way."""
        self.end()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what is still buffered has nowhere to go
                pipe and pipe.close()


class Children:
    """Several children that share calls, each started when there is work for it."""

    def __init__(self, number: int) -> None:
        self._threads = ThreadPoolExecutor(number)  # one waits for each child
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._all: list[Child] = []
        self._starting = threading.Lock()
        self._closed = False

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have a function called, as by `Child.call`, when a child is free."""
        return self._threads.submit(self._call, function, arguments)

    def _call(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        try:
            child = self._idle.get_nowait()
        except queue.Empty:
            child = self._start()
        try:
            return child.call(function, *arguments)
        finally:
            self._idle.put(child)

    def _start(self) -> Child:
        with self._starting:
            if self._closed:
                raise OutputError("no process can be started any more")
            self._all.append(Child())
            return self._all[-1]

    def close(self) -> None:
        """End all, and what they are doing."""
        with self._starting:
            self._closed = True
        for child in self._all:
            child.end()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for child in self._all:
            child.close()


class _Failure:
    """What a function raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def serve() -> None:
    """Be a child: call what arrives on standard input until its other end is closed."""
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, calls), daemon=True).start()
    while True:
        function, arguments = calls.get()
        try:
            answer = function(*arguments)
        except Exception as error:
            answer = _Failure(_portable(error))
        _send(answers, answer)


def _portable(error: Exception) -> Exception:
    """An error that another process can read; one of ours says where it came from."""
    trace = "".join(traceback.format_exception(error))
    if not isinstance(error, PeftSpError):
        error.add_note(trace)
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception:
        return RuntimeError(trace)
    return error


def _listen(requests: BinaryIO, calls: queue.SimpleQueue[Any]) -> None:
    """Pass calls on; end the process as soon as the parent has, even during a call."""
    try:
        while True:
            calls.put(_receive(requests))
    finally:
        os._exit(0)


def _send(stream: Any, message: object) -> None:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(len(content).to_bytes(_LENGTH, "big") + content)
    stream.flush()


def _receive(stream: Any) -> Any:
    """The next message. Raises EOFError where the other end is closed."""
    head = stream.read(_LENGTH)
    content = stream.read(int.from_bytes(head, "big")) if len(head) == _LENGTH else b""
    if not content:
        raise EOFError
    return pickle.loads(content)  # noqa: S301  of this program's own process


def safe_path() -> list[str]:
    """Where modules are found here, without the current directory."""
    path = [entry for entry in sys.path if Path(entry).is_absolute() and not _is_current(entry)]
    return path if _ROOT in path else [*path, _ROOT]


def _is_current(entry: str) -> bool:
    try:
        return Path(entry).samefile(os.curdir)
    except OSError:  # one of them is not there
        return False
