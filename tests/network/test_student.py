"""The small network: what it makes of residues, of padding and of letters it never learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from peft_sp.biology.alphabet import AMINO_ACIDS, PAD, encode
from peft_sp.network.settings import StudentSettings
from peft_sp.network.student import Student

SEQUENCES = ["MKKTAIAIAVALAGFATVAQA", "MSTN", "M", "MKRWL" * 14]


SHAPES = {
    "LSTMs": {},
    "convolutions alone": {"sequence": "none", "dilations": [1, 8], "convolutions": 4},
    "gates": {"gated": True},
    "attention": {"sequence": "attention", "attention_layers": 2, "heads": 2},
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def student(request) -> Student:
    torch.manual_seed(0)
    settings = {"width": 16, "hidden": 8, "convolutions": 2, "kernel": 5, **request.param}
    return Student(StudentSettings(**settings)).eval()


def hidden(student, sequences):
    with torch.no_grad():
        return student(torch.from_numpy(encode(sequences)))


def test_a_sequence_has_the_same_states_alone_and_beside_longer_ones(student):
    together = hidden(student, SEQUENCES)
    assert together.shape == (4, 70, 16)
    for row, sequence in enumerate(SEQUENCES):
        alone = hidden(student, [sequence])[0]
        torch.testing.assert_close(together[row, : len(sequence)], alone, atol=1e-5, rtol=1e-5)


def test_a_residue_is_seen_from_both_ends(student):
    """Whatever one convolution reaches, each residue is carried to every position."""
    first, last = "MKRWL" * 4, "MKRWL" * 3 + "MKRWC"
    assert (hidden(student, [first]) - hidden(student, [last]))[0, 0].abs().max() > 1e-7
    other = "C" + first[1:]
    assert (hidden(student, [first]) - hidden(student, [other]))[0, -1].abs().max() > 1e-7


def test_convolutions_alone_see_as_far_as_their_steps_reach():
    torch.manual_seed(0)
    settings = StudentSettings(
        width=16, convolutions=3, kernel=3, dilations=[1, 4], sequence="none", dropout=0
    )
    student = Student(settings).eval()
    reach = 1 + 4 + 1  # the third block begins with the first number again
    one, other = "M" * 40, "M" * 20 + "W" + "M" * 19
    changed = (hidden(student, [one]) - hidden(student, [other]))[0].abs().amax(1) > 1e-7
    assert changed.nonzero().flatten().tolist() == list(range(20 - reach, 20 + reach + 1))


def test_attention_needs_a_width_that_its_heads_share():
    with pytest.raises(ValueError, match=r"multiple of student\.heads \(3\), not 16"):
        StudentSettings(width=16, heads=3, sequence="attention")


def test_rare_letters_are_read_as_unknown(student):
    expected = hidden(student, ["MKXXXXT"])
    assert torch.equal(hidden(student, ["MKBZUOT"]), expected)
    assert not torch.equal(hidden(student, ["MKAAAAT"]), expected)


def test_similar_amino_acids_start_alike(student):
    weights = student.letters.weight.detach()[: len(AMINO_ACIDS)]
    distances = torch.cdist(weights, weights).numpy()
    of = {letter: row for row, letter in enumerate(AMINO_ACIDS)}
    like = [distances[of[a], of[b]] for a, b in ("IL", "IV", "DE", "KR", "ST", "FY")]
    unlike = [distances[of[a], of[b]] for a, b in ("ID", "LK", "EF", "RV", "WD", "KI")]
    assert np.mean(like) < 0.8 * np.mean(unlike)


def test_residues_are_hidden_in_training_alone():
    torch.manual_seed(0)
    settings = StudentSettings(width=16, hidden=8, dropout=0.0, residue_dropout=0.9)
    student = Student(settings)
    residues = torch.from_numpy(encode(["MKRWL" * 14]))
    assert not torch.equal(student.train()(residues), student(residues))
    assert torch.equal(student.eval()(residues), student(residues))
    assert int((residues == PAD).sum()) == 0


def test_a_student_is_trained_under_autocast_on_any_processor(student):
    student.train()
    residues = torch.from_numpy(encode(SEQUENCES))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = student(residues)
        loss = states[residues != PAD].float().square().mean()
    loss.backward()
    gradients = [parameter.grad for parameter in student.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
