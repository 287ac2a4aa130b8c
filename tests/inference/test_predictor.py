import itertools

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES, WINDOW
from peft_sp.biology.prediction import Protein, Region
from peft_sp.errors import ModelError, PeftSpError
from peft_sp.inference import predictor as module
from peft_sp.inference.decoding import CrfScores
from peft_sp.inference.predictor import Predictor, decode_windows, load
from peft_sp.io.fasta import read_fasta


@pytest.fixture(scope="module")
def fast():
    return load("fast", threads=1)


@pytest.fixture(scope="module")
def proteins(ecoli):
    return list(read_fasta(ecoli))


class Counting:
    """A backend that keeps the windows it was given; its emissions depend on the residues."""

    batch_size = 16
    concurrency = 2
    scores = CrfScores(np.zeros((37, 37)), np.zeros(37), np.zeros(37))

    def __init__(self):
        self.windows = []

    def emissions(self, residues):
        self.windows += [bytes(row) for row in residues]
        return np.cos(residues[..., None] * np.arange(1, 38)).astype(np.float32)


def test_real_signal_peptides_are_found(fast):
    known = {
        "OmpA": ("MKKTAIAIAVALAGFATVAQAAPKDNTWYTGAKLGWSQYHDTGFINNNGPTHENQLGAGAF", "SP", 21),
        "Lpp": ("MKATKLVLGAVILGSTLLAGCSSNAKIDQLSSDVQTLNAKVDQLSNDVNAMRSDVQAAKDD", "LIPO", 20),
        "thrA": ("MRVLKFGGTSVANAERFLRVADILESNARQGQVATVLSAPAKITNHLVAMIEKTISGQDAL", "NO_SP", None),
    }
    for name, (sequence, kind, site) in known.items():
        (prediction,) = fast.predict([(name, sequence)])
        assert (prediction.type, prediction.cleavage_site) == (kind, site), name


def test_predictions_agree_with_themselves(fast, proteins):
    for p in fast.predict(proteins):
        assert sum(p.probabilities) == pytest.approx(1)
        assert p.probability == max(p.probabilities)
        if p.type == "NO_SP":
            assert p.cleavage_site is None and p.cleavage_probability is None and not p.regions
            continue
        assert 1 <= p.cleavage_site < min(len(p.protein.sequence), WINDOW)
        assert 0 < p.cleavage_probability <= p.probability + 1e-9
        inside = [r for r in p.regions if r.name not in ("lipid-modified cysteine", "pilin motif")]
        if p.type != "PILIN":
            assert inside[0].start == 1 and inside[-1].end == p.cleavage_site
        ends = [(r.start, r.end) for r in p.regions]
        assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(ends))
        assert p.mature == p.protein.sequence[p.cleavage_site :]


def test_one_by_one_is_batched_is_shuffled(fast, proteins):
    fragments = [Protein(f"f{n}", proteins[5].sequence[:n]) for n in range(1, 71)]
    everything = proteins[:40] + fragments
    together = {p.id: p for p in fast.predict(everything)}
    order = np.random.default_rng(0).permutation(len(everything))
    shuffled = {p.id: p for p in fast.predict([everything[i] for i in order], batch_size=7)}
    for protein in everything:
        (alone,) = fast.predict([protein])
        for other in (together[protein.id], shuffled[protein.id]):
            assert other.type == alone.type and other.cleavage_site == alone.cleavage_site
            assert other.probabilities == pytest.approx(alone.probabilities, abs=1e-5)


def test_eukarya_restricts_the_posterior_exactly(fast, proteins):
    for free, bound in zip(
        fast.predict(proteins), fast.predict(proteins, organism="eukarya"), strict=True
    ):
        no_sp, sp = free.probabilities[:2]
        assert bound.probabilities[2:] == (0, 0, 0, 0)
        if no_sp + sp > 1e-6:
            assert bound.probabilities[0] == pytest.approx(no_sp / (no_sp + sp), abs=1e-6)


def test_identical_windows_are_computed_once(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 10)
    backend = Counting()
    tails = ("AAAA", "CCCC")
    proteins = [
        (f"p{i}-{tail}", "MKT" * 23 + "ACDEFGHIKL"[i % 10] + tail)
        for i, tail in itertools.product(range(30), tails)
    ]
    predictions = list(Predictor(backend).predict(proteins))
    assert [p.id for p in predictions] == [name for name, _ in proteins]
    assert len(backend.windows) == len(set(backend.windows)) == 10


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 10)
    monkeypatch.setattr(module, "REMEMBERED", 15)
    backend = Counting()
    letters = "ACDEFGHIKLMNPQRSTVWY"
    distinct = [("p", "MK" + a + b) for a, b in itertools.product(letters, letters)]
    assert len(list(Predictor(backend).predict(distinct + distinct[-10:]))) == 410
    assert len(backend.windows) == 400  # the last chunk was still known
    list(Predictor(backend).predict(distinct + distinct[:10]))
    assert len(backend.windows) == 400 + 410  # the first one no longer


def test_input_is_read_as_it_is_needed(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 10)
    read = []

    def stream():
        for number in range(1000):
            read.append(number)
            yield f"p{number}", "MKTAY"

    next(Predictor(Counting()).predict(stream()))
    assert len(read) == 10


def test_no_proteins():
    assert list(Predictor(Counting()).predict([])) == []


def test_regions_come_from_the_path(fast):
    name, sequence = "Lpp", "MKATKLVLGAVILGSTLLAGCSSNAKIDQLSSDVQTLNAKVDQLSNDVNAMRSDVQAAKDDAARANQRLD"
    (prediction,) = fast.predict([(name, sequence)])
    assert prediction.regions[-1] == Region("lipid-modified cysteine", 21, 21)
    assert [r.name for r in prediction.regions[:2]] == ["n-region", "h-region"]


def test_decoded_windows_are_in_order():
    backend = Counting()
    windows = ["MKTAYIAK" * n for n in (8, 1, 3, 1, 8, 2)]
    together = decode_windows(backend, windows)
    for row, window in enumerate(windows):
        alone = decode_windows(backend, [window])
        np.testing.assert_allclose(together.type_probabilities[row], alone.type_probabilities[0])
        np.testing.assert_array_equal(together.paths[row, : len(window)], alone.paths[0])


@pytest.mark.parametrize("wrong", ["MKKL", ("name", "MKKL", 3), ["MKKL"]])
def test_what_is_no_pair_is_refused(wrong):
    with pytest.raises(TypeError, match="pairs"):
        list(Predictor(Counting()).predict([wrong]))


def test_a_pair_that_is_no_protein_is_an_error_of_ours():
    with pytest.raises(PeftSpError, match="'1' at residue 2"):
        list(Predictor(Counting()).predict([("a", "M1")]))


def test_wrong_organisms_and_models(fast, tmp_path):
    with pytest.raises(ValueError, match="'eukarya' or 'other', not 'fungi'"):
        next(fast.predict([("a", "MKT")], organism="fungi"))
    with pytest.raises(ModelError, match="neither a directory nor one of: fast"):
        load("slow")
    with pytest.raises(ModelError, match="no trained model is here"):
        load(tmp_path)
    with pytest.raises(ModelError, match="exported for the CPU"):
        load("fast", device="cuda")
    assert len(TYPES) == 6
