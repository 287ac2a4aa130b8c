from peft_sp.training.pretraining.card import card
from tests.support.pretraining import small_recipe

RECORD = {
    "windows": {"records": 1300, "repeated": 0, "excluded": 12, "train": 1234, "held_out": 50},
    "files": [
        {"name": "w.faa", "sha256": "0", "excluded": False},
        {"name": "labelled.fasta", "sha256": "1", "excluded": True},
    ],
    "source": "esm2_t6_8M",
    "backbone_sha256": "abcdef0123456789",
    "steps": 60,
    "device": "CPU, 2 threads",
    "figures": {
        "eval_perplexity": 12.3456,
        "eval_accuracy": 0.2,
        "eval_perplexity_other": 11.0,
        "eval_accuracy_other": 0.25,
    },
}


def test_it_names_licence_origin_windows_and_figures(tmp_path):
    text = card(small_recipe(tmp_path, "x"), RECORD)
    assert text.startswith("---\nlicense: mit\n")
    assert "`esm2_t6_8M` (weights abcdef012345). Random numbers." in text
    assert "1,234 windows" in text and "from `w.faa`; 50 more were held out" in text
    assert "12 windows with the same first 60 residues as a protein of `labelled.fasta`" in text
    assert "| all | 12.346 | 0.200 |\n| other | 11.000 | 0.250 |" in text


def test_without_exclusions_none_are_told(tmp_path):
    files = RECORD["files"][:1]
    assert "Left out" not in card(small_recipe(tmp_path, "x"), {**RECORD, "files": files})
