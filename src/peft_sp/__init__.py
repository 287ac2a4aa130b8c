"""PEFT-SP: signal peptides, their types, cleavage sites and regions.

Load a model, give it proteins, take predictions:

    >>> import peft_sp
    >>> predictor = peft_sp.load("fast")
    >>> for prediction in predictor.predict({
    ...     "OmpA": "MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNN",
    ...     "thrA": "MRVLKFGGTSVANAERFLRVADILESNARQGQVATVLSAPAKITNHLV",
    ... }):
    ...     print(prediction.id, prediction.type, prediction.cleavage_site)
    OmpA SP 21
    thrA NO_SP None

A FASTA file is given as a path, and read as it is needed:

    >>> from pathlib import Path
    >>> predictions = list(predictor.predict(Path("examples/ecoli_300.faa"), organism="other"))
    >>> sum(prediction.is_signal_peptide for prediction in predictions)
    48

What a `Prediction` says:

    >>> first = next(prediction for prediction in predictions if prediction.type == "TAT")
    >>> first.id, first.signal_peptide, first.mature[:10]
    ('NP_414665.1', 'MQRRDFLKYSVALGVASALPLWSRAVFA', 'AERPTLPIPD')
    >>> first.span("n-region")
    Region(name='n-region', start=1, end=5)
    >>> first.probabilities["TAT"] > 0.99
    True

Names are loaded when they are first used: importing the package alone loads no other. Prediction
with an exported model, such as "fast", needs NumPy and ONNX Runtime, and never torch.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from peft_sp.biology import drawing
from peft_sp.version import __version__

if TYPE_CHECKING:
    from peft_sp.biology.grammar import TYPES
    from peft_sp.biology.organism import Organism
    from peft_sp.biology.prediction import Marginals, Prediction, Protein, Region
    from peft_sp.biology.substitutions import Scan, Substitution
    from peft_sp.errors import (
        InputError,
        MissingExtraError,
        ModelError,
        OptionError,
        OutputError,
        PeftSpError,
        RecipeError,
    )
    from peft_sp.inference.analysis.annotation import annotate_run
    from peft_sp.inference.analysis.scan import scan
    from peft_sp.inference.loading import load
    from peft_sp.inference.predictor import Predictor
    from peft_sp.inference.run import RunInfo, RunOptions, predict_run
    from peft_sp.io.fasta import read_fasta
    from peft_sp.io.plotting.summary.logo import plot_logo
    from peft_sp.io.registry.lookup import Model
    from peft_sp.io.writers.seqfeatures import to_seqfeatures
    from peft_sp.io.writers.tables import to_dataframe

if TYPE_CHECKING:  # of what the functions below take and give
    from collections.abc import Callable, Mapping, Sequence

    from peft_sp.training.fitting.progress import Progress
    from peft_sp.training.recipe import Recipe
    from peft_sp.training.runs.crossval import CrossValidation
    from peft_sp.training.runs.folds import Protocol
    from peft_sp.training.runs.train import TrainedModel

# Nothing that is predicted leaves the machine. ONNX Runtime reads this when it is loaded, and every
# file of this package that loads it has loaded this one before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

__all__ = [
    "TYPES",
    "InputError",
    "Marginals",
    "MissingExtraError",
    "Model",
    "ModelError",
    "OptionError",
    "Organism",
    "OutputError",
    "PeftSpError",
    "Prediction",
    "Predictor",
    "Protein",
    "RecipeError",
    "Region",
    "RunInfo",
    "RunOptions",
    "Scan",
    "Substitution",
    "__version__",
    "annotate_run",
    "crossvalidate",
    "load",
    "models",
    "plot_logo",
    "predict_run",
    "read_fasta",
    "scan",
    "to_dataframe",
    "to_seqfeatures",
    "train",
]

# Where each name stands: the imports above, for `__getattr__`. A test holds the two together.
_HOMES = {
    "biology.grammar": ("TYPES",),
    "biology.organism": ("Organism",),
    "biology.prediction": ("Marginals", "Prediction", "Protein", "Region"),
    "errors": (
        *("InputError", "MissingExtraError", "ModelError", "OptionError", "OutputError"),
        *("PeftSpError", "RecipeError"),
    ),
    "biology.substitutions": ("Scan", "Substitution"),
    "inference.analysis.annotation": ("annotate_run",),
    "inference.loading": ("load",),
    "inference.predictor": ("Predictor",),
    "inference.run": ("RunInfo", "RunOptions", "predict_run"),
    "inference.analysis.scan": ("scan",),
    "io.fasta": ("read_fasta",),
    "io.plotting.summary.logo": ("plot_logo",),
    "io.registry.lookup": ("Model",),
    "io.writers.seqfeatures": ("to_seqfeatures",),
    "io.writers.tables": ("to_dataframe",),
}
_HOME = {name: f"peft_sp.{home}" for home, names in _HOMES.items() for name in names}


def models() -> list[Model]:
    """The models that `load` takes by name: bundled, of installed packs, and fetched before.

    A model that cannot be used is listed too, and its `problem` says why.

        >>> import peft_sp
        >>> [model.name for model in peft_sp.models() if model.source == "bundled"]
        ['fast']
    """
    from peft_sp.io.registry import lookup

    return lookup.installed()


def train(
    recipe: Recipe | str | os.PathLike[str],
    directory: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    *,
    crossval: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    activation_cache: str | os.PathLike[str] | None = None,
    report_to: Sequence[str] = (),
) -> TrainedModel:
    """Train a model, as 'peft-sp train' does; `load(directory)` predicts with it.

    recipe: a recipe's name or TOML file; settings: its options that are to be others, by name, as
    {"data": "train_set.fasta", "optimisation.epochs": 2}, None for one to be removed. A call that
    was stopped is resumed by the same call. crossval: directory of a finished cross-validation of
    the recipe, whose figures the card then states. progress: is called with reports.
    activation_cache: directory where the output of frozen layers is kept for the next run.
    report_to: "tensorboard", "wandb" or "mlflow", too. Raises a PeftSpError.
    """
    training = _of_training("peft_sp.train", "train")
    trained: TrainedModel = training.train(
        recipe,
        directory,
        settings,
        crossval=crossval,
        progress=progress,
        activation_cache=activation_cache,
        report_to=report_to,
    )
    return trained


def crossvalidate(
    recipe: Recipe | str | os.PathLike[str],
    directory: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    *,
    protocol: Protocol = "deployed",
    progress: Callable[[str], Progress] | None = None,
    activation_cache: str | os.PathLike[str] | None = None,
    report_to: Sequence[str] = (),
) -> CrossValidation:
    """Measure a recipe by cross-validation, as 'peft-sp crossval' does.

    protocol: "deployed", three models, or "published", six. progress: is called with the name of
    each fold, and gives what is called with its reports. The rest is as for `train`.
    """
    recipe = _of_training("peft_sp.crossvalidate", "train").recipe_of(recipe, settings)
    result: CrossValidation = _of_training("peft_sp.crossvalidate", "crossval").crossvalidate(
        recipe,
        directory,
        protocol=protocol,
        progress=progress,
        activation_cache=activation_cache,
        report_to=report_to,
    )
    return result


def _of_training(what: str, name: str) -> Any:
    """A module of training runs. Raises MissingExtraError where it cannot be loaded."""
    try:
        return import_module(f"peft_sp.training.runs.{name}")
    except ImportError as error:
        from peft_sp.errors import MissingExtraError

        raise MissingExtraError(what, "train", error.name) from None


def _svg(prediction: Prediction) -> str:
    from peft_sp.io.plotting import svg

    return svg.picture(prediction)


def _plot(prediction: Prediction, ax: Any) -> Any:
    from peft_sp.io.plotting import axes

    return axes.plot(prediction, ax)


drawing.register(drawing.Drawing(_svg, _plot))


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'peft_sp' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
