"""The published decision rule against the enumeration of every path of short windows."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from peft_sp.biology.alphabet import encode
from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.biology.published import published_grammar
from peft_sp.inference.decoding.crf_scores import CrfScores
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.inference.decoding.published import PublishedDecoder
from peft_sp.io.fasta import read_fasta
from tests.support.commands import peft_sp, rows
from tests.support.paths import ROOT

SIZE = 37
LAST_STATES = (5, 11, 19, 26, 31)


def random_scores(seed, scale=2.0):
    rng = np.random.default_rng(seed)
    shapes = (SIZE, SIZE), (SIZE,), (SIZE,)
    return CrfScores(*(scale * rng.standard_normal(shape) for shape in shapes))


def by_enumeration(scores, emissions):
    """P(state at residue) (L, S) and the best path (L,) of one window, over all 37^L paths."""
    rules = published_grammar()
    transitions = np.where(rules.transitions, scores.transitions, -20.0)
    starts = np.where(rules.starts, scores.starts, -20.0)
    ends = np.where(rules.ends, scores.ends, -20.0)
    paths = np.array(list(product(range(SIZE), repeat=len(emissions))))
    total = starts[paths[:, 0]] + ends[paths[:, -1]]
    for position, own in enumerate(emissions):
        total += own[paths[:, position]]
        if position:
            total += transitions[paths[:, position - 1], paths[:, position]]
    weights = np.exp(total - total.max())
    weights /= weights.sum()
    marginals = [np.bincount(column, weights, SIZE) for column in paths.T]
    return np.array(marginals), paths[total.argmax()]


@pytest.mark.parametrize(("seed", "scale"), [(0, 2.0), (1, 8.0), (2, 15.0)])
def test_it_is_the_mean_of_the_marginals_and_the_best_path(seed, scale):
    rng = np.random.default_rng(100 + seed)
    scores, lengths = random_scores(seed), np.array([1, 3, 2, 3])
    emissions = scale * rng.standard_normal((4, 3, SIZE))
    decoded = PublishedDecoder(scores).decode(emissions, lengths)
    for row, length in enumerate(lengths):
        marginals, path = by_enumeration(scores, emissions[row, :length])
        of_type = [
            marginals[:, grammar().type_of_state == kind].sum(axis=1).mean()
            for kind in range(len(TYPES))
        ]
        np.testing.assert_allclose(decoded.type_probabilities[row], of_type, atol=1e-9)
        assert decoded.types[row] == np.argmax(of_type)
        site = max((p + 1 for p, s in enumerate(path) if s in LAST_STATES), default=0)
        assert decoded.sites[row] == site
        expected = marginals[site - 1, LAST_STATES].sum() if site else 0.0
        assert decoded.site_probabilities[row] == pytest.approx(expected, abs=1e-9)
        of_path = grammar().type_of_state[path]
        if decoded.types[row] and (of_path == decoded.types[row]).all():
            assert decoded.paths[row, :length].tolist() == path.tolist()
        else:
            assert (decoded.paths[row] == -1).all()


def test_a_path_that_this_program_forbids_can_win_there():
    """Its type and its site then disagree; ours agree on the same scores."""
    scores = CrfScores(np.zeros((SIZE, SIZE)), np.zeros(SIZE), np.zeros(SIZE))
    emissions = np.zeros((1, 6, SIZE))
    emissions[0, :2, 5] = 60.0  # begins in SP's c-region, where no protein begins
    emissions[0, 2:, 0] = 60.0  # and goes on inside, without a signal peptide
    decoded = PublishedDecoder(scores).decode(emissions, np.array([6]))
    assert TYPES[decoded.types[0]] == "NO_SP" and decoded.sites[0] == 2
    own = Decoder(grammar(), scores).decode(emissions, np.array([6]))
    assert (own.sites[0] > 0) == (TYPES[own.types[0]] != "NO_SP")


def test_types_that_an_organism_lacks_are_left_out():
    emissions = np.random.default_rng(0).standard_normal((2, 5, SIZE))
    allowed = np.array([[True] * 6, [True, True, False, False, False, False]])
    decoder, lengths = PublishedDecoder(random_scores(4)), np.array([5, 5])
    decoded = decoder.decode(emissions, lengths, allowed)
    free = decoder.decode(emissions, lengths).type_probabilities
    np.testing.assert_allclose(decoded.type_probabilities[0], free[0])
    assert decoded.type_probabilities[1, 2:].sum() == 0
    np.testing.assert_allclose(decoded.type_probabilities[1, :2], free[1, :2] / free[1, :2].sum())


@pytest.mark.integration
def test_predict_decides_as_published(tmp_path):
    pytest.importorskip("esm", reason="needs fair-esm, whose network is the reference")
    from peft_sp.inference.loading import load
    from tests.support.published import Published, network, write_backbone

    backbone, mine = write_backbone(tmp_path, network()), tmp_path / "mine"
    file = Published(lora=2).save(tmp_path / "model.pt")
    assert peft_sp("import", file, "--backbone", backbone, "-o", mine)[0] == 0
    fasta = ROOT / "examples" / "ecoli_300.faa"
    given = ("predict", fasta, "-m", mine, "--published-decoding", "--summary")
    code, output, errors = peft_sp(*given, "-o", tmp_path / "out", kind="training")
    assert code == 0, errors
    assert "decoded as published" in " ".join(output.split())
    windows = [protein.window for protein in read_fasta(fasta)]
    lengths = np.array(list(map(len, windows)))
    backend = load(mine).backend
    decoded = PublishedDecoder(backend.scores).decode(backend.emissions(encode(windows)), lengths)
    found = rows(tmp_path / "out" / "predictions.tsv")
    assert [row["type"] for row in found] == [TYPES[kind] for kind in decoded.types]
    sites = np.where(decoded.types > 0, decoded.sites, 0)
    assert [int(row["cleavage_site"] or 0) for row in found] == sites.tolist()
    probabilities = [float(row["p_no_sp"]) for row in found]
    np.testing.assert_allclose(probabilities, decoded.type_probabilities[:, 0], atol=1e-5)
    own = [prediction.type for prediction in load(mine).predict(fasta)]
    assert own != [row["type"] for row in found]
    code, _, errors = peft_sp(*given, "-o", tmp_path / "second", "--threshold", "0.5")
    assert code == 2 and "the published decision rule has no threshold" in errors
    code, _, errors = peft_sp("predict", fasta, "--published-decoding", "-o", tmp_path / "third")
    assert code == 2 and "'fast' was not imported from the published PEFT-SP" in errors
