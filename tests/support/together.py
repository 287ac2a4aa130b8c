"""Commands in several processes that work together, as torchrun starts them.

They fork from one that has its imports already (`tests/support/forked.py`).
"""

from __future__ import annotations

import os
import socket
from typing import Any

from tests.support import forked

PROGRAM = """
import os
import sys

count, children, number = int(os.environ["WORLD_SIZE"]), [], 0
for other in range(1, count):
    child = os.fork()
    if child == 0:
        number, children = other, []
        break
    children.append(child)
os.environ.update(RANK=str(number), LOCAL_RANK=str(number))
code = 0
try:
    exec(os.environ["PROGRAM"], {"__name__": "__main__"})
except SystemExit as error:
    code = error.code or 0
ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit(max([code, *ended]))
"""


COMMAND = "from peft_sp.cli.main import main; main()"


def run(
    *arguments: object, count: int = 2, program: str = COMMAND, **environment: str
) -> tuple[int, str, str]:
    """The largest exit code, output and errors of a command, or a program, in some processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    around = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1"}
    around |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    around |= {"PROGRAM": program, **environment}
    options: dict[str, Any] = {"kind": "training", "program": PROGRAM}
    return forked.run(*arguments, environment={**os.environ, **around}, **options)
