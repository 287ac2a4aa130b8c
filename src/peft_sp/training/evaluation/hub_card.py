"""A model's card as the hub shows it: with metadata, as its own library writes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from peft_sp.io.registry import hub
from peft_sp.io.registry.accuracy import (
    BIG_CLASSES,
    MAIN_CLASS_METRICS,
    SUMMARY_METRICS,
    Metric,
)
from peft_sp.io.registry.checksums import ADAPTER_CONFIG, ONNX
from peft_sp.io.registry.model_config import ModelConfig
from peft_sp.io.registry.publishing import Publication
from peft_sp.training.evaluation.model_card import (
    licence_text,
    use_text,
    with_section,
    without_section,
)
from peft_sp.training.evaluation.published import SIGNALP6_DATA, SIGNALP6_NAME

TASK, TASK_NAME = "token-classification", "Signal peptide prediction"
"""The hub's word for labelling each residue, and ours."""
_LICENCES = (
    *("afl-3.0", "apache-2.0", "artistic-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsl-1.0"),
    *("cc", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0"),
    *("cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "ecl-2.0"),
    *("epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2", "agpl-3.0", "gpl", "gpl-2.0", "gpl-3.0"),
    *("lgpl", "lgpl-2.1", "lgpl-3.0", "isc", "mit", "mpl-2.0", "ms-pl", "ncsa", "odbl", "openrail"),
    *("osl-3.0", "pddl", "postgresql", "unlicense", "wtfpl", "zlib"),
)
"""Licences that the hub knows by name."""
_METRIC_TYPES = {"cleavage_recall": "recall", "cleavage_precision": "precision"}
"""The hub's names of metrics; all others are a Matthews correlation."""


def hub_card(text: str, publication: Publication, datasets: Sequence[str] = ()) -> str:
    """A card with metadata, and with what it says of use and licence as it holds on the hub.

    text: of the model's own card. datasets: hub ids of what it was trained on. Raises
    MissingExtraError.
    """
    config, repository = publication.config, publication.repository
    exported = ONNX in publication.files
    backbone = None if exported or config.backbone is None else config.backbone.name
    text = _FRONT_MATTER.sub("", text, count=1)
    if not text.strip():
        text = f"# {config.name or repository.partition('/')[2]}\n\n{config.description}\n"
    text = without_section(text, "Learning curves")  # its pictures are no files of the model
    use = use_text(repository, backbone)
    if backbone is not None and "@" in backbone:
        # A model's word alone has none fetched but those that this program knows.
        use += f" Give it by `--backbone {backbone}`."
    text = with_section(text, "Use", use)
    text = with_section(text, "Licence", licence_text(config.licence, config.made.data_sha256))
    return f"---\n{metadata(publication, datasets)}\n---\n\n{text}"


_FRONT_MATTER = re.compile(r"\A---\n.*?^---\n+", re.DOTALL | re.MULTILINE)


def metadata(publication: Publication, datasets: Sequence[str] = ()) -> str:
    """What stands between the dashes, in YAML."""
    library = hub.library(publication.repository)
    config, files = publication.config, publication.files
    names = {PurePosixPath(name).name for name in files}
    backbone, whole = _hub_id(config), bool(names & {ONNX, "encoder.safetensors"})
    found: dict[str, Any] = {
        "library_name": "peft-sp",
        "pipeline_tag": TASK,
        "tags": list(_tags(config, names)),
        "datasets": list(datasets) or None,
        "base_model": backbone,
        "base_model_relation": backbone and ("finetune" if whole else "adapter"),
        **_licence(config.licence),
    }
    if results := list(_results(config, datasets)):
        found |= {"model_name": config.name or publication.repository, "eval_results": results}
    return str(library.ModelCardData(**found).to_yaml()).strip()


def _hub_id(config: ModelConfig) -> str | None:
    """The backbone's id without its commit, None where it has none."""
    name = "" if config.backbone is None else config.backbone.name
    return name.partition("@")[0] if hub.is_id(name) else None


def _tags(config: ModelConfig, names: Collection[str]) -> Iterator[str]:
    yield from ("biology", "protein", "signal-peptide")
    if config.backbone is not None:
        yield "esm"
    if ADAPTER_CONFIG in names:
        yield "peft"
        tuning = (config.settings or {}).get("tuning")
        if isinstance(tuning, dict) and isinstance(tuning.get("method"), str):
            yield tuning["method"]
    if ONNX in names:
        yield "onnx"


def _licence(licence: str) -> dict[str, str]:
    """The licence by the name that the hub has for it, or as another one with its name."""
    name = licence.strip().lower().replace(" ", "-")
    short = re.sub(r"-(or-later|only)$", "", name)
    if short in _LICENCES:
        return {"license": short}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", name).strip("-")[:96]}


def _results(config: ModelConfig, datasets: Sequence[str]) -> Iterator[Any]:
    """The most trustworthy figures, of all proteins and of the big classes."""
    library, accuracy = hub.library(config.name), config.accuracy
    if accuracy is None:
        return
    file, measured = config.made.data or "labelled proteins", accuracy.measured
    known = config.made.data_sha256 == SIGNALP6_DATA

    def result(metric: Metric, figures: object, of: str = "") -> Any:
        return library.EvalResult(
            task_type=TASK,
            task_name=TASK_NAME,
            dataset_type=datasets[0] if datasets else file,
            dataset_name=(SIGNALP6_NAME if known else file) + (f": {of}" if of else ""),
            dataset_config=of or None,  # the library joins results that differ in their name alone
            dataset_split=measured,
            metric_type=_METRIC_TYPES.get(metric.name, "matthews_correlation"),
            metric_name=metric.title,
            metric_value=metric.value(figures),
        )

    by_class = {(own.organism, own.type): own for own in accuracy.figures.classes}
    sets: list[tuple[str, object, Sequence[Metric]]] = [("", accuracy.figures, SUMMARY_METRICS)]
    sets += [
        (" ".join(key), by_class[key], MAIN_CLASS_METRICS) for key in BIG_CLASSES if key in by_class
    ]
    for of, figures, metrics in sets:
        for metric in metrics:
            if metric.value(figures) is not None:
                yield result(metric, figures, of)
