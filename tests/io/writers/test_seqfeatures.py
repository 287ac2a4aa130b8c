"""Features of Biopython: their places, and that they pass through a GenBank file."""

from __future__ import annotations

import sys
from io import StringIO

import pytest

import peft_sp
from peft_sp.errors import PeftSpError
from peft_sp.io.writers.seqfeatures import to_seqfeatures

SeqIO = pytest.importorskip("Bio.SeqIO", reason="needs Biopython")


@pytest.fixture(scope="module")
def predictions(labelled):
    records = [(str(number), protein.sequence) for number, protein in enumerate(labelled)]
    return list(peft_sp.load("fast", threads=1).predict(records))


def test_what_is_cut_out_is_what_the_prediction_says(predictions):
    from Bio.Seq import Seq

    seen = set()
    for prediction in predictions:
        features = to_seqfeatures(prediction)
        if not prediction.is_signal_peptide:
            assert features == []
            continue
        seen.add(prediction.type)
        sequence = Seq(prediction.protein.sequence)
        cut = {f.type: str(f.extract(sequence)) for f in features if f.type != "Region"}
        key = "propeptide" if prediction.type == "PILIN" else "sig_peptide"
        assert cut.pop(key) == prediction.signal_peptide
        assert cut.pop("mat_peptide", "") == prediction.mature and not cut
        regions = {
            f.qualifiers["region_name"][0]: (f.location.start + 1, f.location.end)
            for f in features
            if f.type == "Region"
        }
        spans = {region.name: prediction.span(region.name) for region in prediction.regions}
        assert regions == {name: (span.start, span.end) for name, span in spans.items()}
        assert f"probability {prediction.probability:.4f}" in features[0].qualifiers["note"][0]
    assert len(seen) == 5


def test_they_pass_through_a_genbank_file(predictions):
    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    prediction = next(p for p in predictions if p.type == "LIPO")
    sequence, kind = Seq(prediction.protein.sequence), {"molecule_type": "protein"}
    record = SeqRecord(sequence, "a", annotations=kind)
    record.features += to_seqfeatures(prediction)
    file = StringIO()
    SeqIO.write(record, file, "genbank")
    again = SeqIO.read(StringIO(file.getvalue()), "genbank")
    assert [(f.type, str(f.location)) for f in again.features] == [
        (f.type, str(f.location)) for f in record.features
    ]
    assert again.features[0].qualifiers["inference"] == [
        f"ab initio prediction:peft-sp:{peft_sp.__version__}"
    ]


def test_without_biopython_it_is_one_line(predictions, monkeypatch):
    monkeypatch.setitem(sys.modules, "Bio.SeqFeature", None)
    with pytest.raises(PeftSpError, match="pip install biopython"):
        to_seqfeatures(predictions[0])
