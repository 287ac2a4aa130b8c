"""The wall between prediction and training: packages that no prediction may load."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    *("torch", "transformers", "peft", "accelerate", "safetensors", "pydantic", "sklearn"),
    *("scipy", "optuna", "onnx", "ray", "matplotlib", "huggingface_hub", "httpx", "fastapi"),
    *("uvicorn", "pandas", "polars", "pyarrow", "Bio"),
    # Of our own, what a command alone needs that predicts in shards.
    *("peft_sp.inference.shards", "peft_sp.io.shards.plan"),
}


def heavy_after(code: str) -> set[str]:
    """Heavy packages that a fresh interpreter has loaded once it has run some code."""
    code += f"\nimport sys\nprint(sorted({HEAVY!r} & set(sys.modules)))\n"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(eval(run.stdout.splitlines()[-1]))


def heavy_after_command(*arguments: object) -> set[str]:
    """Heavy packages that `peft-sp` with some arguments has loaded."""
    code = (
        "import sys\n"
        "from peft_sp.cli.main import main\n"
        f"sys.argv = ['peft-sp', *{[str(argument) for argument in arguments]!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
    )
    return heavy_after(code)
