"""The card of a pretrained backbone, from the record of its run."""

from __future__ import annotations

from typing import Any

from peft_sp.training.evaluation.markdown import markdown_table
from peft_sp.training.evaluation.model_card import card as model_card
from peft_sp.training.pretraining.recipe import PretrainingRecipe
from peft_sp.wording import counted


def card(recipe: PretrainingRecipe, record: dict[str, Any]) -> str:
    """The card as Markdown."""
    counts, fitting = record["windows"], recipe.fitting
    description = recipe.description or (
        "An ESM-2 that was trained further on masked residues of N-terminal windows."
    )
    source = f"`{record['source']}` (weights {record['backbone_sha256'][:12]})"
    origin = f"{source}. {recipe.origin}".strip()
    taken = [file["name"] for file in record["files"] if not file["excluded"]]
    left_out = [file["name"] for file in record["files"] if file["excluded"]]
    data = (
        f"{counted(counts['train'], 'window')} (the first 70 residues of a protein at most) from "
        f"{_names(taken)}; {counts['held_out']:,} more were held out, drawn at random, so that "
        "relatives of theirs are among the former."
    )
    if left_out:
        data += (
            f" Left out: {counted(counts['excluded'], 'window')} with the same first 60 residues "
            f"as a protein of {_names(left_out)}."
        )
    training = (
        f"{counted(record['steps'], 'step')} of {counted(fitting.batch_size, 'window')} "
        f"({fitting.epochs:g} passes), {recipe.masking.fraction:.0%} of the residues hidden, "
        f"learning rate {fitting.learning_rate:g} ({fitting.schedule}), {fitting.precision}, "
        f"{record['device']}; "
        "all that is known of it is in `pretraining.json`, the learning curves are in "
        "`history.json` and `learning_curves.svg`. Once more, beside the files that it names: "
        "`peft-sp pretrain recipe.toml -o again`."
    )
    sections = [
        ("Licence and origin", f"Licence: {recipe.licence}. The weights come from {origin}"),
        ("Windows", data),
        ("Training", training),
        ("Residues of held-out windows", _figures(record["figures"])),
        ("Use", _USE),
    ]
    front = f"---\nlicense: {recipe.licence.lower()}\nlibrary_name: transformers\n---\n"
    return front + model_card(recipe.name, description, sections)


_USE = (
    "As an ESM-2 of `transformers` (`EsmModel.from_pretrained`, `EsmForMaskedLM`), or to be tuned: "
    "`peft-sp train lora-8M --set backbone=DIRECTORY`."
)


def _names(files: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in files)


def _figures(figures: dict[str, float]) -> str:
    """A row for all windows and one for each group."""
    ends = [key.removeprefix("eval_perplexity") for key in figures if "perplexity" in key]
    rows = [
        (
            end.removeprefix("_") or "all",
            f"{figures[f'eval_perplexity{end}']:.3f}",
            f"{figures[f'eval_accuracy{end}']:.3f}",
        )
        for end in ends
    ]
    return "\n".join(markdown_table(["organism", "perplexity", "accuracy"], rows, labels=1))
