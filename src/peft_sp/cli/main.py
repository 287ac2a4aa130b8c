"""The command `peft-sp`: it hears signals before it loads anything that takes time."""

from __future__ import annotations

import sys
from typing import NoReturn

from peft_sp.cli.terminal.stopping import Signals


def main() -> NoReturn:
    """Run a command, and end with its exit code (`commands.run`)."""
    signals = Signals()
    with signals.ending_at_once():
        from peft_sp.cli import commands
    sys.exit(commands.run(signals))


if __name__ == "__main__":
    main()
