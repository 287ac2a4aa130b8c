"""The region term: n-, h- and c-regions of a signal peptide should differ in composition."""

from __future__ import annotations

import torch
from torch import Tensor

from peft_sp.biology.alphabet import AMINO_ACIDS
from peft_sp.biology.grammar import DECLARATIONS, states_named

_REGIONS = {
    # As published: the n-region holds no pilin state, the h-region does.
    "n": states_named("N"),
    "h": states_named("H"),
    "c": states_named("C"),
}
_N_AGAINST_H, _H_AGAINST_C = (
    tuple(number for number, one in enumerate(DECLARATIONS) if pair in one.contrasts)
    for pair in (("N", "H"), ("H", "C"))
)
"""Numbers of the types whose n- and h-regions, and whose h- and c-regions, should differ."""


def region_similarities(marginals: Tensor, residues: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines (B,) of the amino acid compositions: n with h, and h with c.

    marginals (B, L, S); residues (B, L) codes, padding allowed. A region without
    probability has cosine 0.
    """
    # one_hot (B, L, A): letters other than the 20 amino acids, and padding, count nowhere.
    kinds = torch.arange(len(AMINO_ACIDS), device=residues.device)
    one_hot = (residues[..., None] == kinds).to(marginals.dtype)
    n, h, c = (
        torch.einsum("bl,bla->ba", marginals[..., list(states)].sum(-1), one_hot)
        for states in _REGIONS.values()
    )
    return torch.cosine_similarity(n, h, dim=1), torch.cosine_similarity(h, c, dim=1)


def region_term(marginals: Tensor, residues: Tensor, types: Tensor) -> Tensor:
    """Region term (B,): cos(n, h) and cos(h, c), of the types that declare the contrast.

    types (B,): the annotated type's index in `TYPES`.
    """
    n_h, h_c = region_similarities(marginals, residues)
    return n_h * _is_one_of(types, _N_AGAINST_H) + h_c * _is_one_of(types, _H_AGAINST_C)


def _is_one_of(types: Tensor, numbers: tuple[int, ...]) -> Tensor:
    return torch.isin(types, torch.tensor(numbers, device=types.device))
