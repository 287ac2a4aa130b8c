"""The wall between prediction and training: packages that no prediction may load."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

HEAVY = {
    *("torch", "transformers", "peft", "accelerate", "safetensors", "pydantic", "sklearn"),
    *("scipy", "optuna", "onnx", "ray", "matplotlib", "huggingface_hub", "httpx", "fastapi"),
    *("uvicorn", "pandas", "polars", "pyarrow", "Bio"),
}


def heavy_after(code: str) -> list[str]:
    """Heavy packages that a fresh interpreter has loaded once it has run some code."""
    code += f"\nimport sys\nprint(sorted({HEAVY!r} & set(sys.modules)))\n"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = eval(run.stdout.splitlines()[-1])
    return names


def command(arguments: Iterable[object]) -> str:
    """Code that runs `peft-sp` in an interpreter and goes on after it."""
    return (
        "import sys\n"
        "from peft_sp.cli.main import main\n"
        f"sys.argv = ['peft-sp', *{[str(argument) for argument in arguments]!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
    )
