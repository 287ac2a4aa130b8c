import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_sp.biology.grammar import grammar
from peft_sp.network.crf import ConstrainedCRF, components
from tests.support.brute_force import cases, legal_paths, log_weight

SIZE = grammar().size


def crf_of(case) -> ConstrainedCRF:
    crf = ConstrainedCRF(case.rules.transitions, case.rules.starts, case.rules.ends)
    with torch.no_grad():
        for parameter, values in zip(
            (crf.transitions, crf.starts, crf.ends), case.scores, strict=True
        ):
            parameter.copy_(torch.tensor(values))
    return crf


def batch_of(case, pad: int = 0):
    emissions = torch.tensor(np.pad(case.emissions, ((0, pad), (0, 0)), constant_values=5.0))
    mask = torch.arange(len(emissions)) < len(case.emissions)
    return emissions[None], mask[None]


@given(cases(), st.integers(0, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_likelihood_equals_the_sum_over_all_paths(case, pad, seed):
    crf = crf_of(case)
    emissions, mask = batch_of(case, pad)
    paths, probabilities = case.paths()
    rng = np.random.default_rng(seed)
    inside = rng.random(case.emissions.shape) < 0.8
    keep = paths[rng.integers(len(paths))]
    inside[np.arange(len(keep)), list(keep)] = True
    allowed = torch.zeros(emissions.shape, dtype=torch.bool)
    allowed[0, : len(inside)] = torch.tensor(inside)
    expected = sum(
        p
        for path, p in zip(paths, probabilities, strict=True)
        if all(inside[i, s] for i, s in enumerate(path))
    )
    found = crf.log_likelihood(emissions, mask, allowed).exp().item()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)


@given(cases(), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_marginals_equal_the_sum_over_all_paths(case, pad):
    crf = crf_of(case)
    emissions, mask = batch_of(case, pad)
    expected = np.zeros(tuple(emissions.shape[1:]))
    for path, p in zip(*case.paths(), strict=True):
        expected[np.arange(len(path)), list(path)] += p
    found = crf.marginals(emissions, mask)[0].detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_component_probabilities_equal_the_sum_over_all_paths(case):
    crf = crf_of(case)
    found = crf.component_log_probabilities(*batch_of(case))[0].exp().detach().numpy()
    expected = np.zeros(case.rules.type_of_state.max() + 1)
    for path, p in zip(*case.paths(), strict=True):
        expected[case.rules.type_of_state[path[0]]] += p
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(cases(spread=60.0))
@settings(max_examples=40, deadline=None)
def test_gradients_stay_finite_however_sure_the_network_is(case):
    crf = crf_of(case)
    emissions, mask = batch_of(case)
    emissions.requires_grad_()
    path = legal_paths(case.rules, len(case.emissions))[0]
    allowed = torch.zeros(emissions.shape, dtype=torch.bool)
    allowed[0, torch.arange(len(path)), list(path)] = True
    likelihood, marginals, _ = crf.log_likelihood_and_marginals(emissions, mask, allowed)
    (likelihood.sum() + (marginals**2).sum()).backward()
    for tensor in (emissions, crf.transitions, crf.starts, crf.ends):
        # One residue has no transition, and so no gradient of one.
        assert tensor.grad is None or torch.isfinite(tensor.grad).all()


def test_gradient_of_the_likelihood_is_exact():
    rules = grammar()
    torch.manual_seed(0)
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends).double()
    emissions = torch.randn(2, 6, rules.size, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[1] * 6, [1] * 4 + [0] * 2]).bool()
    allowed = torch.zeros(emissions.shape, dtype=torch.bool)
    for row, path in enumerate(([3, 4, 5, 8, 8, 8], [0, 0, 0, 0])):
        allowed[row, torch.arange(len(path)), path] = True

    def total(values):
        likelihood, marginals, _ = crf.log_likelihood_and_marginals(values, mask, allowed)
        return likelihood.sum() + (marginals[..., 4] ** 2).sum()

    assert torch.autograd.gradcheck(total, (emissions,), eps=1e-6, atol=1e-6)


def test_what_is_forbidden_is_impossible_and_gets_no_gradient():
    rules = grammar()
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    emissions = torch.full((1, 4, rules.size), 0.0)
    emissions[..., 7] = 500.0  # a state that a path can neither start in nor reach in time
    mask = torch.ones(1, 4, dtype=torch.bool)
    marginals = crf.marginals(emissions, mask)
    assert marginals[0, 0, 7] == 0
    marginals.sum().backward()
    assert (crf.transitions.grad[~torch.tensor(rules.transitions)] == 0).all()


def test_marginals_of_a_type_are_the_same_sum_at_every_residue():
    rules = grammar()
    torch.manual_seed(1)
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    emissions = 3 * torch.randn(5, 70, rules.size)
    mask = torch.ones(5, 70, dtype=torch.bool)
    sums = crf.marginals(emissions, mask) @ crf.membership.double()
    probabilities = crf.component_log_probabilities(emissions, mask).exp()
    torch.testing.assert_close(sums, probabilities[:, None].expand_as(sums), atol=1e-6, rtol=1e-6)


def test_padding_and_batch_mates_change_nothing():
    rules = grammar()
    torch.manual_seed(2)
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    lengths = [1, 7, 70, 33]
    rows = [torch.randn(n, rules.size) for n in lengths]
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=9.0)
    mask = torch.arange(70) < torch.tensor(lengths)[:, None]
    together = crf.marginals(padded, mask)
    for row, length, found in zip(rows, lengths, together, strict=True):
        alone = crf.marginals(row[None], torch.ones(1, length, dtype=torch.bool))[0]
        torch.testing.assert_close(found[:length], alone, atol=1e-9, rtol=1e-9)
        assert (found[length:] == 0).all()


def test_an_impossible_label_set_has_likelihood_zero():
    rules = grammar()
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    emissions = torch.zeros(1, 3, rules.size)
    allowed = torch.zeros(emissions.shape, dtype=torch.bool)
    allowed[0, :, 1] = True  # the membrane, where no protein may start
    mask = torch.ones(1, 3, dtype=torch.bool)
    assert crf.log_likelihood(emissions, mask, allowed).item() == -torch.inf


@pytest.mark.parametrize(
    ("shape", "mask", "problem"),
    [
        (
            (1, 3, SIZE - 1),
            torch.ones(1, 3),
            f"{SIZE - 1} emissions a residue; the CRF has {SIZE} states",
        ),
        ((1, 3, SIZE), torch.ones(1, 4), "mask"),
        ((1, 3, SIZE), torch.zeros(1, 3), "residue at its first position"),
    ],
)
def test_wrong_shapes_are_refused(shape, mask, problem):
    rules = grammar()
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    with pytest.raises(ValueError, match=problem):
        crf.marginals(torch.zeros(shape), mask.bool())


def test_components_are_derived_from_the_transitions():
    assert (components(grammar().transitions) == grammar().type_of_state).all()


def test_the_brute_force_itself_finds_what_can_be_counted_by_hand():
    rules = grammar()
    assert len(legal_paths(rules, 1)) == 2  # inside, or outside
    # Two residues: I I, I M, O O, O M.
    assert len(legal_paths(rules, 2)) == 4
    zero = np.zeros((SIZE, SIZE)), np.zeros(SIZE), np.zeros(SIZE)
    emissions = np.arange(2.0 * SIZE).reshape(2, SIZE)
    assert log_weight((0, 1), emissions, *zero) == 0 + (SIZE + 1)


@given(cases(), st.integers(0, 3), st.sampled_from([1.0, 3.0]))
@settings(max_examples=60, deadline=None)
def test_the_posterior_counts_states_and_transitions_over_all_paths(case, pad, temperature):
    crf = crf_of(case)
    paths, probabilities = case.paths()
    kinds = np.array([case.rules.type_of_state[path[0]] for path in paths])
    of_types = np.bincount(kinds, probabilities, case.rules.type_of_state.max() + 1)
    scaled = of_types ** (1 / temperature)
    weights = np.array(probabilities) * (scaled / scaled.sum())[kinds] / of_types[kinds]
    emissions, mask = batch_of(case, pad)
    states = np.zeros(tuple(emissions.shape[1:]))
    transition_counts = np.zeros(case.rules.transitions.shape)
    for path, weight in zip(paths, weights, strict=True):
        states[np.arange(len(path)), list(path)] += weight
        np.add.at(transition_counts, (list(path[:-1]), list(path[1:])), weight)
    found = crf.posterior(emissions, mask, temperature)
    np.testing.assert_allclose(found[0][0].numpy(), states, atol=1e-6)
    np.testing.assert_allclose(found[1][0].numpy(), transition_counts, atol=1e-6)


@given(cases(), st.integers(0, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_cross_entropy_equals_the_sum_over_all_paths(case, pad, seed):
    """Of one CRF's paths under another with other emissions and scores."""
    crf, student = crf_of(case), crf_of(case)
    emissions, mask = batch_of(case, pad)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn(parameter.shape))
    others = emissions + torch.randn(emissions.shape)
    total = student.forward_sweep(others, mask).log_partition.logsumexp(1)
    expected = 0.0
    for path, p in zip(*case.paths(), strict=True):
        inside = torch.zeros(emissions.shape, dtype=torch.bool)
        inside[0, torch.arange(len(path)), list(path)] = True
        expected -= p * student.log_likelihood(others, mask, inside).item()
    found = student.cross_entropy(others, total, mask, *crf.posterior(emissions, mask))
    assert found.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_model_that_equals_the_other_has_no_gradient():
    """Cross-entropy is least where both agree."""
    rules = grammar()
    torch.manual_seed(4)
    crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)
    emissions = (2 * torch.randn(3, 40, rules.size)).requires_grad_()
    mask = torch.arange(40) < torch.tensor([40, 25, 1])[:, None]
    states, transition_counts = crf.posterior(emissions, mask)
    total = crf.forward_sweep(emissions, mask).log_partition.logsumexp(1)
    crf.cross_entropy(emissions, total, mask, states, transition_counts).sum().backward()
    for tensor in (emissions, crf.transitions, crf.starts, crf.ends):
        assert tensor.grad.abs().max() < 1e-5
