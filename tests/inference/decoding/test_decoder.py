import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.inference.decoding.crf_scores import CrfScores, Temperatures
from peft_sp.inference.decoding.decoder import Decoder
from tests.support.brute_force import Case, cases, legal_paths, log_weight

SIZE = grammar().size


def decoder_of(case) -> Decoder:
    return Decoder(case.rules, CrfScores(*case.scores))


def batch_of(case, pad: int):
    emissions = np.pad(case.emissions, ((0, pad), (0, 0)), constant_values=4.0)
    return emissions[None].astype(np.float32), np.array([len(case.emissions)])


def rounded(case: Case) -> Case:
    """The same case with emissions as a network gives them, in float32."""
    case.emissions = case.emissions.astype(np.float32).astype(np.float64)
    return case


@given(cases().map(rounded), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_posteriors_equal_the_sum_over_all_paths(case, pad):
    decoder, (emissions, lengths) = decoder_of(case), batch_of(case, pad)
    marginals = np.zeros(emissions.shape[1:])
    kinds = range(case.rules.type_of_state.max() + 1)
    cuts = np.zeros((len(kinds), len(marginals)))
    arrows = {tuple(cut) for cut in case.rules.cuts.tolist()}
    for path, p in zip(*case.paths(), strict=True):
        marginals[np.arange(len(path)), list(path)] += p
        kind = case.rules.type_of_state[path[0]]
        for i, pair in enumerate(itertools.pairwise(path)):
            cuts[kind, i] += p * (pair in arrows)
    np.testing.assert_allclose(decoder.marginals(emissions, lengths)[0], marginals, atol=1e-9)
    for kind in kinds:
        found = decoder.cleavage_posterior(emissions, lengths, np.array([kind]))[0]
        np.testing.assert_allclose(found, cuts[kind], atol=1e-9)


@given(cases().map(rounded), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_best_path_equals_the_best_of_all_paths(case, pad):
    decoder, (emissions, lengths) = decoder_of(case), batch_of(case, pad)
    paths, probabilities = case.paths()
    found = decoder.best_paths(emissions, lengths)[0]
    length = len(case.emissions)
    chosen = probabilities[paths.index(tuple(found[:length].tolist()))]
    assert chosen == pytest.approx(probabilities.max(), rel=1e-9)
    assert (found[length:] == -1).all()


def real_case(length: int, seed: int, spread: float = 2.0) -> Case:
    rules, rng = grammar(), np.random.default_rng(seed)
    numbers = [rng.normal(0, spread, shape) for shape in ((SIZE, SIZE), SIZE, SIZE)]
    emissions = rng.normal(0, spread, (length, SIZE))
    # Most long paths stay without a signal peptide: make the others worth a look.
    emissions[:, :3] -= 2
    return rounded(Case(rules, *numbers, emissions))


@pytest.mark.parametrize("seed", range(12))
def test_a_prediction_is_the_best_type_its_best_cut_and_the_best_path_with_it(seed):
    case = real_case(6, seed)
    decoded = decoder_of(case).decode(*batch_of(case, seed % 3))
    paths, probabilities = case.paths()
    rules = case.rules
    arrows = {tuple(cut) for cut in rules.cuts.tolist()}

    def cut_of(path):
        pairs = enumerate(itertools.pairwise(path))
        return next((i + 1 for i, pair in pairs if pair in arrows), 0)

    kinds = np.zeros(len(TYPES))
    for path, p in zip(paths, probabilities, strict=True):
        kinds[rules.type_of_state[path[0]]] += p
    np.testing.assert_allclose(decoded.type_probabilities[0], kinds, atol=1e-9)
    kind = int(kinds.argmax())
    assert decoded.types[0] == kind
    if not kind:
        assert decoded.sites[0] == 0
        return
    site_probabilities: dict[int, float] = {}
    for path, p in zip(paths, probabilities, strict=True):
        if rules.type_of_state[path[0]] == kind:
            cut = cut_of(path)
            site_probabilities[cut] = site_probabilities.get(cut, 0.0) + p
    assert 0 not in site_probabilities  # every path of a type with a signal peptide is cut
    site = max(site_probabilities, key=lambda cut: site_probabilities[cut])
    assert decoded.sites[0] == site
    assert decoded.site_probabilities[0] == pytest.approx(site_probabilities[site], abs=1e-9)
    own = [p for p in paths if rules.type_of_state[p[0]] == kind and cut_of(p) == site]
    best = max(own, key=lambda p: log_weight(p, case.emissions, *case.scores))
    assert tuple(decoded.paths[0, :6].tolist()) == best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", [0.01, 0.4, 1.0])
def test_a_threshold_is_of_all_signal_peptides_together(seed, threshold):
    case = real_case(6, seed)
    probabilities = decoder_of(case).decode(*batch_of(case, 0)).type_probabilities[0]
    found = decoder_of(case).decode(*batch_of(case, 0), threshold=threshold)
    np.testing.assert_array_equal(found.type_probabilities[0], probabilities)
    best = 1 + int(probabilities[1:].argmax())
    called = 1 - probabilities[0] >= threshold
    assert found.types[0] == (best if called else 0)
    assert (found.sites[0] > 0) == called == bool((found.paths[0] >= 0).any())
    # The sites of the best type are ranked whether it is called or not.
    ranked = found.ranked
    assert (ranked.rows.tolist(), ranked.types.tolist()) == ([0], [best])
    cuts = np.zeros(7)
    arrows = {tuple(cut) for cut in case.rules.cuts.tolist()}
    for path, p in zip(*case.paths(), strict=True):
        if case.rules.type_of_state[path[0]] == best:
            pairs = enumerate(itertools.pairwise(path))
            cuts[next(i + 1 for i, pair in pairs if pair in arrows)] += p
    order = np.argsort(-cuts)[:4]
    np.testing.assert_allclose(ranked.probabilities[0], cuts[order], atol=1e-9)
    some = cuts[order] > 0
    assert ranked.sites[0][some].tolist() == order[some].tolist()
    if called:
        assert found.sites[0] == order[0]
        assert found.site_probabilities[0] == ranked.probabilities[0, 0]


def test_what_cannot_have_a_signal_peptide_has_no_candidate():
    case = real_case(1, 0)
    found = decoder_of(case).decode(*batch_of(case, 0), threshold=1e-9)
    assert (found.types[0], found.sites[0], found.ranked) == (0, 0, None)


def test_the_seeds_above_cover_signal_peptides():
    kinds = set()
    for seed in range(12):
        case = real_case(6, seed)
        kinds.add(int(decoder_of(case).decode(*batch_of(case, 0)).types[0]))
    assert len(kinds - {0}) >= 2


def test_restricting_types_is_exact():
    case = real_case(6, 5)
    allowed = np.isin(TYPES, ("NO_SP", "SP"))
    decoded = decoder_of(case).decode(*batch_of(case, 0), allowed_types=allowed)
    weights = np.zeros(len(TYPES))
    for path in legal_paths(case.rules, 6):
        weight = np.exp(log_weight(path, case.emissions, *case.scores))
        weights[case.rules.type_of_state[path[0]]] += weight
    weights[~allowed] = 0
    np.testing.assert_allclose(decoded.type_probabilities[0], weights / weights.sum(), atol=1e-9)


def test_one_by_one_is_batched_is_shuffled():
    rules, rng = grammar(), np.random.default_rng(4)
    scores = CrfScores(*(rng.normal(size=s) for s in ((SIZE, SIZE), SIZE, SIZE)))
    decoder = Decoder(rules, scores)
    lengths = np.array([1, 2, 70, 33, 69, 70, 5, 12])
    emissions = rng.normal(0, 4, (8, 70, SIZE)).astype(np.float32)
    together = decoder.decode(emissions, lengths)
    order = rng.permutation(8)
    shuffled = decoder.decode(emissions[order], lengths[order])
    assert (together.types > 0).any()
    for row, length in enumerate(lengths):
        alone = decoder.decode(emissions[row : row + 1, :length], lengths[row : row + 1])
        shuffled_row = int(np.flatnonzero(order == row)[0])
        for other, index in ((alone, 0), (shuffled, shuffled_row)):
            assert together.types[row] == other.types[index]
            assert together.sites[row] == other.sites[index]
            np.testing.assert_allclose(
                together.type_probabilities[row], other.type_probabilities[index], atol=1e-12
            )
            np.testing.assert_array_equal(together.paths[row, :length], other.paths[index, :length])


def test_a_sure_network_far_outside_of_float32_is_decoded():
    rules = grammar()
    decoder = Decoder(rules, CrfScores(np.zeros((SIZE, SIZE)), np.zeros(SIZE), np.zeros(SIZE)))
    emissions = np.full((1, 70, SIZE), -400.0, dtype=np.float32)
    path = [3] * 5 + [4] * 12 + [5] * 3 + [8] * 50
    emissions[0, np.arange(70), path] = 400.0
    decoded = decoder.decode(emissions, np.array([70]))
    assert decoded.type_probabilities[0, 1] == 1.0
    assert decoded.sites[0] == 20
    assert decoded.paths[0].tolist() == path


def test_rescaling_every_few_residues_is_enough():
    """Emissions ten times as far apart as those of trained networks; windows of all lengths."""
    rng = np.random.default_rng(4)
    lengths = np.arange(1, 71)
    emissions = rng.uniform(-75, 75, (len(lengths), 70, grammar().size))
    scores = CrfScores(*(rng.normal(size=shape) for shape in ((SIZE, SIZE), (SIZE,), (SIZE,))))
    found = Decoder(grammar(), scores).decode(emissions, lengths, marginals=True)
    each = Decoder(grammar(), scores, rescaling_interval=1)
    expected = each.decode(emissions, lengths, marginals=True)
    assert len(set(expected.types.tolist())) > 2
    for name in ("types", "sites", "paths"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))
    for name in ("type_probabilities", "site_probabilities", "marginals", "cleavage"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-12)


def test_the_shortest_proteins_have_no_signal_peptide():
    decoder = Decoder(grammar(), CrfScores(np.zeros((SIZE, SIZE)), np.zeros(SIZE), np.zeros(SIZE)))
    emissions = np.zeros((2, 3, SIZE), dtype=np.float32)
    decoded = decoder.decode(emissions, np.array([1, 3]))
    assert decoded.types.tolist() == [0, 0]
    assert decoded.type_probabilities[0].tolist() == [1, 0, 0, 0, 0, 0]


def test_a_temperature_makes_types_less_sure_and_changes_nothing_else():
    rules, rng = grammar(), np.random.default_rng(4)
    emissions = rng.normal(0, 2, (8, 40, rules.size)).astype(np.float32)
    lengths = np.full(8, 40)
    scores = (np.zeros((rules.size, rules.size)), np.zeros(rules.size), np.zeros(rules.size))
    plain = Decoder(rules, CrfScores(*scores)).decode(emissions, lengths)
    warm = Decoder(rules, CrfScores(*scores, Temperatures(3.0))).decode(emissions, lengths)
    expected = plain.type_probabilities ** (1 / 3)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(warm.type_probabilities, expected)
    for same in ("types", "sites", "paths"):
        assert np.array_equal(getattr(warm, same), getattr(plain, same))
    # The site's probability is the same fraction of its type's.
    rows = np.flatnonzero(plain.sites)
    fractions = [
        d.site_probabilities[rows] / d.type_probabilities.max(axis=1)[rows] for d in (plain, warm)
    ]
    np.testing.assert_allclose(*fractions)


def test_eukaryotes_have_a_temperature_of_their_own():
    rules, rng = grammar(), np.random.default_rng(5)
    emissions = rng.normal(0, 2, (6, 40, rules.size)).astype(np.float32)
    lengths, eukaryotic = np.full(6, 40), np.arange(6) % 2 == 0
    scores = (np.zeros((rules.size, rules.size)), np.zeros(rules.size), np.zeros(rules.size))
    both = Decoder(rules, CrfScores(*scores, Temperatures(3.0, eukarya=0.5)))
    found = both.decode(emissions, lengths, eukaryotic=eukaryotic).type_probabilities
    for rows, temperature in ((eukaryotic, 0.5), (~eukaryotic, 3.0)):
        one = Decoder(rules, CrfScores(*scores, Temperatures(temperature)))
        expected = one.decode(emissions, lengths).type_probabilities
        np.testing.assert_allclose(found[rows], expected[rows])
    # Without one of their own they have that of all.
    alike = Decoder(rules, CrfScores(*scores, Temperatures(3.0)))
    found = alike.decode(emissions, lengths, eukaryotic=eukaryotic).type_probabilities
    np.testing.assert_allclose(found, alike.decode(emissions, lengths).type_probabilities)


def test_a_temperature_of_sites_makes_the_best_site_surer_and_changes_no_site():
    rules, rng = grammar(), np.random.default_rng(6)
    emissions = rng.normal(0, 2, (8, 40, rules.size)).astype(np.float32)
    emissions[..., rules.type_of_state == 0] -= 9
    lengths = np.full(8, 40)
    scores = (np.zeros((rules.size, rules.size)), np.zeros(rules.size), np.zeros(rules.size))
    plain, sharp = (
        Decoder(rules, CrfScores(*scores, Temperatures(sites=t))).decode(
            emissions, lengths, None, True
        )
        for t in (1.0, 0.5)
    )
    for same in ("types", "sites", "paths", "type_probabilities"):
        assert np.array_equal(getattr(sharp, same), getattr(plain, same))
    rows = np.flatnonzero(plain.sites)
    assert len(rows) == 8 and np.all(sharp.site_probabilities > plain.site_probabilities)
    squares = (plain.cleavage / plain.cleavage.sum(axis=1, keepdims=True)) ** 2
    expected = squares / squares.sum(axis=1, keepdims=True)
    expected *= plain.cleavage.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(sharp.cleavage, expected, atol=1e-12)
    np.testing.assert_array_equal(sharp.ranked.sites, plain.ranked.sites)


@given(cases().map(rounded), st.integers(0, 3), st.sampled_from([1.0, 2.5]))
@settings(max_examples=60, deadline=None)
def test_decoded_marginals_equal_the_sum_over_all_paths(case, pad, temperature):
    decoder = Decoder(case.rules, CrfScores(*case.scores, Temperatures(temperature)))
    decoded = decoder.decode(*batch_of(case, pad), marginals=True)
    of_state, length = case.rules.type_of_state, len(case.emissions)
    arrows = {tuple(cut) for cut in case.rules.cuts.tolist()}
    kinds = np.zeros(of_state.max() + 1)
    states = np.zeros((length + pad, case.rules.size))
    cuts = np.zeros((len(kinds), length + pad))
    for path, p in zip(*case.paths(), strict=True):
        kind = of_state[path[0]]
        kinds[kind] += p
        states[np.arange(length), list(path)] += p
        for i, pair in enumerate(itertools.pairwise(path)):
            cuts[kind, i] += p * (pair in arrows)
    # A temperature scales each type as a whole.
    warm = kinds ** (1 / temperature) / (kinds ** (1 / temperature)).sum()
    scale = np.divide(warm, kinds, out=np.zeros_like(kinds), where=kinds > 0)
    np.testing.assert_allclose(decoded.marginals[0], states * scale[of_state], atol=1e-9)
    chosen = decoded.types[0]
    np.testing.assert_allclose(decoded.cleavage[0], cuts[chosen] * scale[chosen], atol=1e-9)


def test_decoded_marginals_agree_with_what_is_decoded():
    rules, rng = grammar(), np.random.default_rng(4)
    decoder = Decoder(rules, CrfScores(*(rng.normal(size=s) for s in ((SIZE, SIZE), SIZE, SIZE))))
    lengths = np.array([1, 2, 70, 33, 69, 70, 5, 12])
    emissions = rng.normal(0, 4, (8, 70, SIZE)).astype(np.float32)
    allowed = np.isin(TYPES, ("NO_SP", "SP", "LIPO"))
    decoded = decoder.decode(emissions, lengths, allowed, marginals=True)
    plain = decoder.decode(emissions, lengths, allowed)
    assert plain.marginals is None and plain.cleavage is None
    for same in ("type_probabilities", "types", "sites", "site_probabilities", "paths"):
        np.testing.assert_array_equal(getattr(decoded, same), getattr(plain, same))
    assert (decoded.types > 0).sum() > 2
    for row, length in enumerate(lengths):
        states = decoded.marginals[row]
        by_type = np.array([states[:, rules.type_of_state == k].sum(axis=1) for k in range(6)])
        expected = np.repeat(decoded.type_probabilities[row][:, None], length, axis=1)
        np.testing.assert_allclose(by_type[:, :length], expected, atol=1e-9)
        assert not states[length:].any()
        cleavage, site = decoded.cleavage[row], decoded.sites[row]
        if site:
            assert cleavage.argmax() + 1 == site
            assert cleavage[site - 1] == decoded.site_probabilities[row]
            type_probability = decoded.type_probabilities[row, decoded.types[row]]
            assert cleavage.sum() == pytest.approx(type_probability)
        else:
            assert not cleavage.any()
