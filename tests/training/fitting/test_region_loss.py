import pytest
import torch

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import STATES, TYPES, state
from peft_sp.training.fitting.region_loss import region_similarities, region_term


def marginals_of(path):
    return torch.eye(len(STATES))[torch.tensor(path)][None]


def test_cosines_by_hand():
    n, h, c, o = (state("SP", name) for name in "NHCO")
    residues = torch.from_numpy(encode(["KKLLLKAOX"]))
    marginals = marginals_of([n, n, h, h, h, c, c, o, o])
    n_h, h_c = region_similarities(marginals, residues)
    assert n_h.item() == 0  # lysine against leucine
    assert h_c.item() == 0
    residues = torch.from_numpy(encode(["KLLLLKLOX"]))
    n_h, h_c = region_similarities(marginals, residues)
    assert n_h.item() == pytest.approx(0.5**0.5)
    assert h_c.item() == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [("NO_SP", 0), ("SP", 2), ("LIPO", 1), ("TAT", 1), ("TATLIPO", 0), ("PILIN", 0)],
)
def test_which_types_count(kind, parts):
    n, h, c = (state("SP", name) for name in "NHC")
    residues = torch.from_numpy(encode(["LLL"]))
    term = region_term(marginals_of([n, h, c]), residues, torch.tensor([TYPES.index(kind)]))
    assert term.item() == pytest.approx(parts)


def test_it_has_a_gradient():
    torch.manual_seed(0)
    marginals = torch.rand(1, 4, len(STATES), requires_grad=True)
    residues = torch.from_numpy(encode(["KLAV"]))
    region_term(marginals, residues, torch.tensor([1])).sum().backward()
    assert torch.isfinite(marginals.grad).all() and marginals.grad.abs().sum() > 0
