"""Put a trained model into a pack and build its wheel.

    python packs/build.py MODEL_DIR PACK_DIR

MODEL_DIR holds `config.json`, `model.onnx` and `README.md` (`peft-sp export` makes one). The
pack's pyproject.toml gives the model's name, its licence, origin and citation. The wheel comes
into PACK_DIR/dist.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from peft_sp.errors import PeftSpError
from peft_sp.inference.loading import load
from peft_sp.io.atomic import write_bytes, write_text
from peft_sp.io.registry import checksums, lookup, packs
from peft_sp.training.evaluation.model_card import licence_text, use_text, with_section

CARD = "README.md"
START, END = "<!-- model -->", "<!-- /model -->"
PROTEINS = [
    (
        "OmpA, Escherichia coli",
        "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGAFGGYQVNP",
    ),
    ("histone H4, human", "MSGRGKGGKGLGKGGAKRHRKVLRDNIQGITKPAIRRLARRGGVKRISGLIYEETRGVLKVFLENVIRD"),
    ("too short for a signal peptide", "MKT"),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="example: python packs/build.py my-exported-model packs/esm2-8m",
    )
    parser.add_argument("model", type=Path, help="directory of an exported model")
    parser.add_argument("pack", type=Path, help="directory of the pack, with its pyproject.toml")
    parser.add_argument("--name", help="which of the pack's models it is, if it has several")
    parser.add_argument("--no-wheel", action="store_true", help="put the model in, build nothing")
    parser.add_argument(
        "--no-build-isolation", action="store_true", help="build with the installed setuptools"
    )
    chosen = parser.parse_args()
    try:
        model = check_model(chosen.model)
        project = read_project(chosen.pack)
        name, folder = target_of(project, chosen.pack, chosen.name)
        fill(model, folder, name, project)
        fill_card(model, chosen.pack, folder, name, project["project"]["license"])
        print(f"{folder}: {name}, {lookup.find(folder).size / 1e6:.1f} MB, checksums compared")
        if not chosen.no_wheel:
            print(build_wheel(chosen.pack, folder, isolated=not chosen.no_build_isolation))
    except PeftSpError as error:
        stop(str(error))


def check_model(directory: Path) -> lookup.Model:
    """The model, if it predicts without torch and has what a user must know."""
    if not (directory / lookup.CONFIG).is_file():
        stop(f"{directory}: no trained model is here ({lookup.CONFIG} is missing)")
    model = lookup.find(directory.resolve())
    if not model.is_exported:
        stop(f"{directory}: has no {lookup.ONNX}; make one with peft-sp export {directory}")
    if not (directory / CARD).is_file():
        stop(f"{directory}: has no card ({CARD})")
    accuracy = model.config.accuracy
    if accuracy is None or accuracy.figures.mean_mcc2 is None:
        stop(f"{directory / lookup.CONFIG}: has no metrics; nobody could tell how good it is")
    print(f"{directory}: mean MCC2 {accuracy.figures.mean_mcc2:.3f}, {accuracy.measured}")
    return model


def read_project(pack: Path) -> dict[str, Any]:
    file = pack / "pyproject.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        stop(f"{file}: cannot be read ({error})")


def target_of(project: dict[str, Any], pack: Path, name: str | None) -> tuple[str, Path]:
    """Name of the model in the pack, and the folder that its entry point names."""
    file = pack / "pyproject.toml"
    offered = project.get("project", {}).get("entry-points", {}).get(packs.GROUP, {})
    if not offered:
        stop(f'{file}: has no [project.entry-points."{packs.GROUP}"]')
    name = name or (next(iter(offered)) if len(offered) == 1 else "")
    if name not in offered:
        stop(f"{file}: choose one of its models with --name: {', '.join(offered)}")
    folder = pack / "src" / Path(*offered[name].split("."))
    if not folder.is_dir():
        stop(f"{folder}: no such directory, but {file} names it")
    return name, folder


def fill(model: lookup.Model, folder: Path, name: str, project: dict[str, Any]) -> None:
    """Copy what prediction reads; the result must predict as the original does."""
    about, own = project["project"], project.get("tool", {}).get("peft-sp", {})
    before = predictions(model)
    assert model.directory is not None
    for old in checksums.model_files(folder, [p.name for p in folder.iterdir() if p.is_dir()]):
        (folder / old).unlink()
    for file in checksums.needed(model.files):
        (folder / file).parent.mkdir(exist_ok=True)
        write_bytes(folder / file, (model.directory / file).read_bytes())
    licence = about.get("license")
    if not isinstance(licence, str):
        stop("the pack's pyproject.toml must name the licence of the weights (license = ...)")
    if licence != model.config.licence:
        print(f"licence: {licence}, the pack's, in place of {model.config.licence}")
    citation = own.get("citation", model.config.citation)
    config = replace(
        model.config,
        name=name,
        licence=licence,
        origin=own.get("origin", model.config.origin),
        citation=tuple(citation) if isinstance(citation, list | tuple) else (citation,),
    )
    config.write(folder)
    checksums.write_checksums(folder, config.members)
    if predictions(lookup.find(folder)) != before:
        stop(f"{folder}: does not predict as {model.directory} does")


def predictions(model: lookup.Model) -> list[Any]:
    return [
        (p.type, p.probabilities, p.cleavage_site)
        for p in load(model, threads=1).predict(iter(PROTEINS))
    ]


def fill_card(model: lookup.Model, pack: Path, folder: Path, name: str, licence: str) -> None:
    """The pack's README is the model's card: the text of the model's own card goes into it."""
    card = pack / CARD
    text = card.read_text(encoding="utf-8")
    if START not in text or END not in text.split(START)[1]:
        stop(f"{card}: needs the lines {START} and {END}, between which the model's card goes")
    assert model.directory is not None
    own = (model.directory / CARD).read_text(encoding="utf-8").strip()
    title, _, body = own.partition("\n")
    own = body.strip() if title.startswith("# ") else own
    # The model's card knows only what it was made from.
    own = own.replace(f"Licence: {model.config.licence}.", f"Licence: {licence}.")
    about = licence_text(licence, model.config.made.data_sha256)
    for section, body in (("Use", use_text(name, None)), ("Licence", about)):
        if f"\n## {section}\n" in own:
            own = with_section(own, section, body).strip()
    before, rest = text.split(START, 1)
    full = f"{before}{START}\n{own}\n{END}{rest.split(END, 1)[1]}"
    write_text(card, full)
    write_text(folder / CARD, full)


def build_wheel(pack: Path, folder: Path, isolated: bool) -> Path:
    """Build in a copy, so that nothing but the wheel is left in the pack."""
    target = pack / "dist"
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "pack")
        skipped = shutil.ignore_patterns("dist", "build", "*.egg-info", "__pycache__")
        shutil.copytree(pack, copy, ignore=skipped)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += [] if isolated else ["--no-build-isolation"]
        made = Path(directory, "made")
        run = subprocess.run([*command, "--wheel-dir", str(made), str(copy)], check=False)
        if run.returncode:
            stop(f"{pack}: pip could not build the wheel")
        (wheel,) = made.glob("*.whl")
        inside = zipfile.ZipFile(wheel).namelist()
        package = folder.relative_to(pack / "src").as_posix()
        for file in (*(checksums.read_checksums(folder) or {}), checksums.MANIFEST, CARD):
            if f"{package}/{file}" not in inside:
                stop(f"{wheel.name}: lacks {file}; see package-data in {pack / 'pyproject.toml'}")
        target.mkdir(exist_ok=True)
        return Path(shutil.copy(wheel, target))


def stop(message: str) -> NoReturn:
    print(f"build: {message}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
