import itertools
import json
import re

import numpy as np
import pytest

from peft_sp.biology.grammar import TYPES, WINDOW, grammar
from peft_sp.biology.notes import NOT_M, OF_ANOTHER, UNDECIDED
from peft_sp.biology.prediction import COLUMN_OF_STATE, MARGINAL_COLUMNS, Protein, Region
from peft_sp.errors import InputError, ModelError, OptionError
from peft_sp.inference import predictor as module
from peft_sp.inference.cache import WindowCache
from peft_sp.inference.decoding.crf_scores import CrfScores
from peft_sp.inference.loading import load
from peft_sp.inference.predictor import Predictor
from tests.support.paths import DATA

SIZE = grammar().size


class Counting:
    """A backend that keeps the windows it was given; its emissions depend on the residues."""

    batch_size = 16
    concurrency = 2
    scores = CrfScores(np.zeros((SIZE, SIZE)), np.zeros(SIZE), np.zeros(SIZE))

    def __init__(self):
        self.windows = []

    def emissions(self, residues):
        self.windows += [bytes(row) for row in residues]
        return np.cos(residues[..., None] * np.arange(1, SIZE + 1)).astype(np.float32)


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
        assert sum(p.probabilities.values()) == pytest.approx(1)
        assert p.probability == max(p.probabilities.values())
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
    temperatures = fast.backend.scores.temperatures
    assert temperatures.eukarya != temperatures.types
    for free, bound in zip(
        fast.predict(proteins), fast.predict(proteins, organism="eukarya"), strict=True
    ):
        no_sp, sp = free.probabilities["NO_SP"], free.probabilities["SP"]
        assert list(bound.probabilities.values())[2:] == [0, 0, 0, 0]
        if min(no_sp, sp) > 1e-6:
            # Log probabilities of eukaryotes have a temperature of their own.
            odds = (no_sp / sp) ** (temperatures.types / temperatures.eukarya)
            assert bound.probabilities["NO_SP"] == pytest.approx(odds / (1 + odds), abs=1e-5)


def test_auto_goes_by_each_header(fast, proteins):
    tags = {"eukarya": " OX=9606", "other": " [Escherichia coli]", "": ""}
    signal = [p for p in fast.predict(proteins) if p.type in ("LIPO", "TAT")]
    assert signal
    mixed = [
        (f"{p.id}{tag}", p.protein.sequence) for p in signal for tag in tags.values()
    ]  # the same windows, side by side
    alone = {
        organism: {p.id: p for p in fast.predict(mixed, organism=organism)}
        for organism in ("eukarya", "other")
    }
    for prediction, organism in zip(
        fast.predict(mixed, organism="auto"), itertools.cycle(tags), strict=False
    ):
        expected = alone[organism or "other"][prediction.id]
        assert prediction.type == expected.type
        assert prediction.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
        assert prediction.organism == (organism or "other")
        assert prediction.undecided == (not organism)
        assert prediction.notes == (() if organism else (UNDECIDED,))
        if organism == "eukarya":
            assert list(prediction.probabilities.values())[2:] == [0, 0, 0, 0]


def test_organisms_share_no_result_across_chunks():
    backend = Counting()
    proteins = [(f"p{i} OX={9606 if i % 2 else 562}", "MKKTAIAIAVALAGFATVAQA") for i in range(8)]
    predictions = list(Predictor(backend, chunk=2).predict(proteins, organism="auto"))
    assert len(backend.windows) == 2
    assert [sum(list(p.probabilities.values())[2:]) > 0 for p in predictions] == [True, False] * 4


def test_identical_windows_are_computed_once():
    backend = Counting()
    tails = ("AAAA", "CCCC")
    proteins = [
        (f"p{i}-{tail}", "MKT" * 23 + "ACDEFGHIKL"[i % 10] + tail)
        for i, tail in itertools.product(range(30), tails)
    ]
    predictions = list(Predictor(backend, chunk=10).predict(proteins))
    assert [p.id for p in predictions] == [name for name, _ in proteins]
    assert len(backend.windows) == len(set(backend.windows)) == 10


def test_the_cache_is_bounded():
    backend = Counting()
    letters = "ACDEFGHIKLMNPQRSTVWY"
    distinct = [("p", "MK" + a + b) for a, b in itertools.product(letters, letters)]
    found = Predictor(backend, chunk=10).predict(distinct + distinct[-10:], cache=WindowCache(15))
    assert len(list(found)) == 410
    assert len(backend.windows) == 400  # the last chunk was still in it
    list(Predictor(backend, chunk=10).predict(distinct + distinct[:10], cache=WindowCache(15)))
    assert len(backend.windows) == 400 + 410  # the first one no longer


def test_a_run_continues_exactly_with_the_cache_of_the_one_before(proteins):
    """To the last bit, also where a window was computed beside others than it would be now."""
    fast = load("fast", threads=1, chunk=20)
    order = np.random.default_rng(0).integers(0, 150, 400)  # windows repeat, near and far
    stream = [proteins[place] for place in order]
    cache, straight, states = WindowCache(60), [], {}
    for prediction in fast.predict(stream, cache=cache):
        straight.append(prediction)
        if len(straight) % 20 == 0:
            states[len(straight)] = json.dumps(cache.state())
    for done in (20, 180, 380):
        assert json.loads(states[done])["settled"] == done
        cache = WindowCache(60)
        cache.restore(json.loads(states[done]))
        assert list(fast.predict(stream[done:], cache=cache)) == straight[done:]
        assert json.dumps(cache.state()) == states[400]


@pytest.mark.parametrize("marginals", [False, True])
def test_a_run_continues_with_the_batch_that_was_in_progress(proteins, marginals):
    """To the last bit; batches that were computed are not computed again."""
    fast = load("fast", threads=1, chunk=40)
    order = np.random.default_rng(0).integers(0, 150, 120)
    stream = [proteins[place] for place in order]

    def predict(stream, cache, report=None):
        return list(fast.predict(stream, "other", 7, marginals, cache, report=report))

    cache, states = WindowCache(60), []
    straight = predict(stream, cache, lambda _: states.append(json.dumps(cache.state())))
    assert len(states) > 12
    for number, state in enumerate(states, 1):
        cache, seen = WindowCache(60), []
        cache.restore(json.loads(state))
        again = predict(stream[cache.settled :], cache, seen.append)
        # A chunk that was whole reports once, as one does whose windows are all known.
        assert len(seen) - (len(states) - number) in (0, 1)
        for one, other in zip(again, straight[len(straight) - len(again) :], strict=True):
            assert one == other
            if marginals:
                assert np.array_equal(one.marginals.regions, other.marginals.regions)
                assert np.array_equal(one.marginals.cleavage, other.marginals.cleavage)


def test_chunks_of_very_long_proteins_are_small(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_LETTERS", 1000)
    cache, read = WindowCache(), []

    def stream():
        for number in range(30):
            read.append(number)
            yield f"p{number}", "MKT" * 100

    found = Predictor(Counting(), chunk=10).predict(stream(), cache=cache)
    assert [(next(found).id, len(read), cache.settled) for _ in range(5)] == [
        ("p0", 4, 0),
        ("p1", 4, 0),
        ("p2", 4, 0),
        ("p3", 4, 4),
        ("p4", 8, 4),
    ]
    assert len(list(found)) == 25 and cache.settled == 30


def test_input_is_read_as_it_is_needed():
    read = []

    def stream():
        for number in range(1000):
            read.append(number)
            yield f"p{number}", "MKTAY"

    next(Predictor(Counting(), chunk=10).predict(stream()))
    assert len(read) == 10


def test_progress_is_reported_by_the_batch():
    letters = "ACDEFGHIKLMNPQRSTVWY"
    distinct = [("p", "MK" + a + b) for a, b in itertools.product(letters, letters)]
    reported = []
    predictor = Predictor(Counting(), chunk=100)
    assert len(list(predictor.predict(distinct * 2, report=reported.append))) == 800
    assert reported == sorted(reported) and reported[-1] == 800
    assert len(reported) >= 4 * (100 // 16)


def test_no_proteins():
    assert list(Predictor(Counting()).predict([])) == []


def test_regions_come_from_the_path(fast):
    name, sequence = "Lpp", "MKATKLVLGAVILGSTLLAGCSSNAKIDQLSSDVQTLNAKVDQLSNDVNAMRSDVQAAKDDAARANQRLD"
    (prediction,) = fast.predict([(name, sequence)])
    assert prediction.regions[-1] == Region("lipid-modified cysteine", 21, 21)
    assert [r.name for r in prediction.regions[:2]] == ["n-region", "h-region"]


def test_marginals_are_given_where_they_are_asked_for(fast, proteins):
    chosen = [*proteins[:60], Protein("short", "MKT"), proteins[0]]
    plain = list(fast.predict(chosen))
    found = list(fast.predict(chosen, marginals=True))
    assert plain == found
    assert all(p.marginals is None for p in plain)
    assert len({p.type for p in found}) > 1
    for p in found:
        regions, cleavage = p.marginals.regions, p.marginals.cleavage
        assert regions.shape == (len(p.protein.window), len(MARGINAL_COLUMNS))
        assert regions.dtype == cleavage.dtype == np.float32
        np.testing.assert_allclose(regions.sum(axis=1), 1, atol=1e-5)
        # At the first residue a protein is inside its signal peptide or has none.
        first = dict(zip(MARGINAL_COLUMNS, regions[0].tolist(), strict=True))
        assert first["Other"] == pytest.approx(p.probabilities["NO_SP"], abs=1e-5)
        assert first["Sec/SPI n"] == pytest.approx(p.probabilities["SP"], abs=1e-5)
        if p.is_signal_peptide:
            assert cleavage.argmax() + 1 == p.cleavage_site
            assert cleavage.max() == pytest.approx(p.cleavage_probability, abs=1e-6)
        else:
            assert not cleavage.any()
    with pytest.raises(ValueError, match="read-only"):
        found[0].marginals.regions[0, 0] = 1


def test_columns_of_marginals_are_those_of_the_real_tool():
    header = (
        next((DATA / "signalp6" / "other_vacsol").glob("*_plot.txt")).read_text().split("\n")[1]
    )
    real = header.split("\t")[3:]
    ours = [column for column in MARGINAL_COLUMNS if not column.endswith("lipobox")]
    assert ours == real
    assert len(MARGINAL_COLUMNS) == len(real) + 2
    assert COLUMN_OF_STATE.count("Other") == 18


def test_marginals_are_shared_within_a_chunk_and_not_remembered():
    """They take too much room, and a run that is gone on with must not depend on them."""
    predictor = Predictor(Counting(), chunk=20)
    distinct = [("p", "MK" + a) for a in "ACDEFGHIKL"]
    found = list(predictor.predict(distinct * 4, marginals=True))
    assert len(found) == 40 and len(predictor.backend.windows) == 10 + 10
    assert found[0].marginals is found[10].marginals


def test_bad_records_are_skipped_or_reported(fast):
    records = [("a", "MKKTAIAIAV"), ("b", None), ("c", "M1"), ("d", "MKT")]
    with pytest.raises(InputError, match="record 2 'b': the sequence is missing"):
        list(fast.predict(records))
    assert [p.id for p in fast.predict(records, on_error="skip")] == ["a", "d"]
    errors = []
    assert [p.id for p in fast.predict(records, on_error=errors.append)] == ["a", "d"]
    assert [(error.position, error.record) for error in errors] == [(2, "b"), (3, "c")]


def test_arguments_are_checked_at_the_call(fast):
    """Not only when the first prediction is taken."""
    for size in (0, -1, 1.0, True, "8", float("nan")):
        with pytest.raises(OptionError, match=re.escape(f"batch_size is {size!r}; give a whole")):
            fast.predict([("a", "MKT")], batch_size=size)
    (prediction,) = fast.predict([("a", "MKT")], batch_size=np.int64(2))
    assert prediction.id == "a"
    with pytest.raises(OptionError, match="organism is 'fungi'; choose one of eukarya, other"):
        fast.predict([("a", "MKT")], organism="fungi")
    with pytest.raises(OptionError, match="on_error is 'raise', 'skip' or a function, not 'warn'"):
        fast.predict([("a", "MKT")], on_error="warn")
    with pytest.raises(InputError, match="of type NoneType"):
        fast.predict(None)


def test_wrong_organisms_and_models(fast, tmp_path):
    with pytest.raises(ValueError, match="organism is 'fungi'; choose one of eukarya, other"):
        next(fast.predict([("a", "MKT")], organism="fungi"))
    with pytest.raises(ModelError, match="neither a directory nor one of: fast"):
        load("slow")
    with pytest.raises(ModelError, match="no trained model is here"):
        load(tmp_path)
    with pytest.raises(ModelError, match="int8, for which GPUs have no kernels; leave"):
        load("fast", device="cuda")
    with pytest.raises(ModelError, match="computes in float32; leave out --precision"):
        load("fast", precision="bfloat16")
    assert len(TYPES) == 6


# Thresholds -----------------------------------------------------------------------------------


def test_a_threshold_calls_at_or_above_it_and_shows_sites_below(fast, proteins):
    plain = list(fast.predict(proteins))
    chances = sorted(p.signal_peptide_probability for p in plain)
    threshold = chances[-60]
    found = list(fast.predict(proteins, threshold=threshold))
    assert sum(p.is_signal_peptide for p in found) == 60
    for before, after in zip(plain, found, strict=True):
        assert after.probabilities == before.probabilities
        assert after.is_signal_peptide == (after.signal_peptide_probability >= threshold)
        kinds = {name: p for name, p in after.probabilities.items() if name != "NO_SP"}
        best, *others = after.sites
        assert best.type == max(kinds, key=kinds.get)
        assert all(o.type == best.type and o.probability <= best.probability for o in others)
        if after.is_signal_peptide:
            assert (best.position, best.probability) == (
                after.cleavage_site,
                after.cleavage_probability,
            )
            assert after.regions
        else:
            assert (after.cleavage_site, after.regions, after.mature_start) == (None, (), None)
        if before.is_signal_peptide and after.is_signal_peptide:
            assert (before.type, before.cleavage_site) == (after.type, after.cleavage_site)
            assert [s.position for s in before.sites] == [s.position for s in after.sites]
            chances = [s.probability for s in after.sites]
            assert [s.probability for s in before.sites] == pytest.approx(chances)
        if not before.is_signal_peptide:
            assert before.sites == ()


def test_a_threshold_is_of_the_types_that_the_organism_has(fast, proteins):
    for prediction in fast.predict(proteins[:60], organism="eukarya", threshold=0.001):
        assert {site.type for site in prediction.sites} == {"SP"}


def test_a_threshold_that_is_none(fast):
    with pytest.raises(OptionError, match="above 0 and up to 1, not 2"):
        fast.predict([("a", "MKT")], threshold=2)


# Notes ----------------------------------------------------------------------------------------


def test_a_prediction_says_what_speaks_against_it(fast):
    human, coli = "sp|A|A x OS=Homo sapiens OX=9606", "b [Escherichia coli]"
    sequence = "AKTAYIAKQRQISFVKSHFSRQLEERLG"
    found = {
        organism: [p.notes for p in fast.predict([(human, sequence), (coli, sequence)], organism)]
        for organism in ("eukarya", "other", "auto")
    }
    assert found["auto"] == [(NOT_M,), (NOT_M,)]
    assert found["eukarya"] == [(NOT_M,), (OF_ANOTHER["eukarya"], NOT_M)]
    assert found["other"] == [(OF_ANOTHER["other"], NOT_M), (NOT_M,)]
