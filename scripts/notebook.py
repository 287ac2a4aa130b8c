"""Run docs/notebook.ipynb from its first cell to its last, and write what it shows into it.

    python scripts/notebook.py [--backbone DIRECTORY]

The backbone is the one that its training adapts, by default esm2-8M from the hub. Warnings of
libraries are left out.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "notebook.ipynb"


def executed(path: Path, seconds: int) -> Any:
    """A notebook with the output of all its cells, run where it lies; seconds: for each cell."""
    notebook = nbformat.read(path, nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    place = {"metadata": {"path": str(path.parent)}}
    client = nbclient.NotebookClient(
        notebook, timeout=seconds, kernel_name="python3", resources=place
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
    notebook.metadata["language_info"] = {"name": "python"}  # and not which of its versions
    nbformat.validate(notebook)
    return notebook


def main() -> None:
    """Run the notebook and replace it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backbone", default="esm2-8M", help="name, hub id or directory")
    os.environ["BACKBONE"] = parser.parse_args().backbone
    nbformat.write(executed(NOTEBOOK, 3600), NOTEBOOK)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
