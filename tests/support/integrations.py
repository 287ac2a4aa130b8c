"""The files of `integrations/` read as the programs that they are for read them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.support.paths import ROOT

INTEGRATIONS = ROOT / "integrations"
MODULE = INTEGRATIONS / "nf-core" / "modules" / "nf-core" / "peftsp" / "predict"
GALAXY = INTEGRATIONS / "galaxy" / "peft_sp"
SNAKEMAKE = INTEGRATIONS / "snakemake" / "bio" / "peft-sp" / "predict"
SHARDS = INTEGRATIONS / "shards"
BIOCONDA = INTEGRATIONS / "bioconda" / "peft-sp" / "meta.yaml"


def bash(script: str, folder: Path, **variables: str) -> str:
    """What a script prints that has the command peft-sp, in a folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **variables, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    return done.stdout


def nextflow_script(text: str, process: str, block: str, **values: str) -> str:
    """The script of a process (block: "script" or "stub") as Nextflow gives it to bash."""
    own = text[text.index(f"process {process} {{") :]
    own = own[re.search(rf"(?m)^    {block}:", own).end() :]
    script = own.split('"""')[1]
    for name, value in values.items():
        script = re.sub(rf"(?<!\\)\$(\{{{re.escape(name)}\}}|{re.escape(name)}\b)", value, script)
    script = re.sub(r"\\(.)", r"\1", script)
    assert not re.search(r"\$\{?(args|prefix|task|meta|fasta|table|organism)\b", script), script
    return script


class GalaxyTool:
    """A Galaxy tool: its command, rendered by Cheetah, and its own tests."""

    def __init__(self, path: Path) -> None:
        tokens = {t.get("name"): t.text for t in ElementTree.parse(path).iter("token")}
        text = path.read_text()
        for name, value in tokens.items():
            text = text.replace(name, value)
        self.tree = ElementTree.fromstring(text)
        self.data = path.parent / "test-data"

    def command(self, values: dict[str, Any]) -> str:
        """The shell's line, on one line as Galaxy puts it."""
        from Cheetah.Template import Template

        source = self.tree.findtext("command")
        return " ".join(str(Template(source, searchList=[values])).split())

    def values(self, test: ElementTree.Element) -> dict[str, Any]:
        """What the command's variables are in a test, with defaults where it names no value."""
        given = {one.get("name"): one.get("value") for one in test.iter("param")}
        found: dict[str, Any] = {}
        for param in self.tree.find("inputs").iter("param"):
            name = param.get("name") or param.get("argument").removeprefix("--").replace("-", "_")
            value = given.get(name, self._default(param))
            if param.get("type") == "boolean":
                value = param.get("truevalue" if value == "true" else "falsevalue")
            elif param.get("type") == "data":
                value = str(self.data / value)
            found[name] = value
        for conditional in self.tree.find("inputs").iter("conditional"):
            names = [p.get("name") or p.get("argument")[2:] for p in conditional.iter("param")]
            found[conditional.get("name")] = SimpleNamespace(**{n: found.pop(n) for n in names})
        return found

    @staticmethod
    def _default(param: ElementTree.Element) -> str | None:
        chosen = [o.get("value") for o in param.iter("option") if o.get("selected") == "true"]
        return ",".join(chosen) if param.get("type") == "select" else param.get("value", "false")

    def outputs(self, values: dict[str, Any]) -> dict[str, str]:
        """File by name of the outputs that a run with these values has."""
        chosen = {"outputs": values["outputs"].split(",")}
        return {
            one.get("name"): one.get("from_work_dir")
            for one in self.tree.find("outputs").iter("data")
            if all(eval(rule.text, {}, chosen) for rule in one.iter("filter"))
        }


def holds(assertion: ElementTree.Element, text: str) -> bool:
    """Whether a text is as an assertion of a Galaxy test says."""
    lines = text.splitlines()
    match assertion.tag:
        case "has_n_lines":
            return len(lines) == int(assertion.get("n"))
        case "has_line":
            return assertion.get("line") in lines
        case "has_text":
            return assertion.get("text") in text
        case "has_line_matching":
            return any(re.fullmatch(assertion.get("expression"), line) for line in lines)
    raise AssertionError(f"{assertion.tag} is not known here")
