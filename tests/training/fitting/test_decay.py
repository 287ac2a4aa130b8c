"""Weight decay is of matrices alone."""

from __future__ import annotations

import torch
from torch.nn import Parameter

from peft_sp.training.fitting.decay import decay_groups


def test_matrices_decay_and_vectors_prompts_and_factors_do_not():
    matrix, bias, factor, prompt = (
        Parameter(torch.zeros(shape)) for shape in ((3, 2), (3,), (3, 1), (4, 1, 5))
    )
    decayed, others = decay_groups([bias, matrix, factor, prompt], 0.1)
    assert decayed["params"] == [matrix] and decayed["weight_decay"] == 0.1
    assert [id(p) for p in others["params"]] == [id(p) for p in (bias, factor, prompt)]
    assert others["weight_decay"] == 0.0


def test_a_group_without_parameters_is_left_out():
    (only,) = decay_groups([Parameter(torch.zeros(3))], 0.1)
    assert only["weight_decay"] == 0.0
