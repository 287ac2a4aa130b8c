"""The engine inside a browser gives what the commands give: read, decoded, written, and whole."""

from __future__ import annotations

import base64
import bz2
import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from peft_sp.biology.alphabet import batches
from peft_sp.biology.grammar import TYPES, grammar
from peft_sp.biology.notes import warning_kinds
from peft_sp.biology.organism import Organism
from peft_sp.biology.prediction import Prediction, Protein
from peft_sp.errors import InputError
from peft_sp.inference.decoding.decoder import Decoder
from peft_sp.inference.loading import load
from peft_sp.inference.run import RunOptions, predict_run
from peft_sp.io.fasta import open_input, read_fasta
from peft_sp.io.labelled import read_labelled
from peft_sp.io.organism import organism_of
from peft_sp.io.writers import tables
from tests.support import browser
from tests.support.site import BARE, ISOLATED, served, written

pytestmark = pytest.mark.integration
RESULTS = "#results-view:not([hidden])"
NAME = "given.faa"
SCORE = r"(?m)^(.*\t1\t\d+)\t(\S+)\t(.*)$"
CONTROLLED = """new Promise((done) => {
  if (navigator.serviceWorker.controller) done();
  else navigator.serviceWorker.addEventListener("controllerchange", () => done());
})"""
TIME = r"Timestamp: \d{14}"
DECODE, RUN = "(given) => probe.decode(given)", "(request) => probe.run(request)"
IDENTIFIERS = {"EUKARYA": "OX=9606", "ARCHAEA": "OX=2190", "POSITIVE": "OX=1423"}
"""Of a species, by the group of organisms; all others are Escherichia coli's."""
SCORES, EXPECTED, LOOKED_AT = "scores.bin", "expected.bin", 300


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return written(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def chromium(site):
    with browser.driven() as driven:
        yield driven


@pytest.fixture(scope="module")
def address(site):
    with served(site) as found:
        yield found


@pytest.fixture(scope="module")
def page(chromium, address):
    """A page in which the modules of the engine are called one by one."""
    found = opened(chromium, address)
    yield found
    found.close()


def opened(chromium, address):
    page = chromium.new_page()
    page.goto(address + BARE)
    page.evaluate("import('./engine_probe.js').then((probe) => { window.probe = probe; })")
    return page


# Reading --------------------------------------------------------------------------------------


def read_in_the_browser(page, contents: list[bytes], skip: bool = False):
    packed = [base64.b64encode(content).decode() for content in contents]
    return page.evaluate("(given) => probe.read(given)", [packed, NAME, skip])


def read_by_the_command(directory: Path, content: bytes, skip: bool = False):
    path = directory / NAME
    path.write_bytes(content)
    try:
        with open_input([path]) as source:
            survey = source.survey(skip)
            return [
                survey.unusable,
                [
                    [p.id, p.header, p.sequence, list(p.warnings), p.line, organism_of(p.header)]
                    for p in source.proteins()
                ],
            ]
    except InputError as error:
        return str(error).replace(str(path), NAME)


IN_HEADERS = [
    *(b">", b"#", b";", b" ", b"\t", b"a", b"b c", b"'", b'"', b"\\", b"=", b"_", b"a_2", b"P1;X"),
    *("é".encode(), "😀".encode(), "\u2028".encode(), "\u200b".encode(), "\ufeff".encode()),
    *("\u202e".encode(), "\U000e0041".encode(), "\xad".encode(), "\u0600".encode()),
    *("\xa0".encode(), "\x85".encode(), "ſ".encode(), "字".encode()),
    *(b"\xe9", b"\x81", b"\xff", b"\xed\xa0\x80", b"\xe2\x82", b"\x00", b"\x1b", b"\x1c"),
    *(b"A|EUKARYA|SP|0", b"OX=9606 ", b"OX=562", b"TaxID=10", b"OS=Homo sapiens"),
    *(b"OS=Vibrio_phage x", b"organism=Bos_taurus", b"[Escherichia coli]", b"[Bacillus [x] y]"),
    *(b"[Bos taurus symbiont]", b"XP_1", b"WP_2 ", b"1ABC_1|Chains A|x (9606)", b", partial"),
    *(b"(Fragment)", b" uncultured bacterium]", b"[Candidatus"),
]
HARMLESS = [
    *(b"MKTAY", b"mkt", b"LLLLAVLL", b"\n", b"\n", b"\r\n", b" ", b"\t", b"\xc2\xa0", b"\n\n"),
    *(b"-", b".", b"*", b"J", b"X" * 40, b"B", b"\n#x\n", b"\n ;y\n", b"acgu" * 4, b"\x1c"),
    *(b"METLYSALAGLYSER", b"SSSSSOOOOO", b"MKTAYIAKQR"),
]
HARMFUL = [
    *(b"7", b">", b"'", b'"', b"\\", "é".encode(), "²".encode(), "😀".encode(), b"\xe9", b"\x00"),
    *("\ufeff".encode(), "\u200b".encode(), b"\r", b"ACGT" * 13, b"\n\xef\xbb\xbf>c\n"),
]
HEADERS = st.lists(st.sampled_from(IN_HEADERS), max_size=5).map(b"".join)
PARTS = st.integers(0, 20).flatmap(lambda n: st.sampled_from(HARMLESS if n else HARMFUL))
BODIES = st.lists(PARTS, max_size=7).map(b"".join)
RECORDS = st.tuples(HEADERS, st.sampled_from([b"\n", b"\n", b"\r\n", b""]), BODIES).map(b"".join)
FILES = st.tuples(
    st.sampled_from([b">", b">", b"", b"\xef\xbb\xbf>", b"\n\n>", b"MKT\n>", b"a\tb\n>"]),
    st.lists(RECORDS, min_size=1, max_size=4).map(b"\n>".join),
).map(b"".join)


@settings(max_examples=12, phases=(Phase.explicit, Phase.generate))
@given(contents=st.lists(FILES, min_size=20, max_size=40), skip=st.booleans())
def test_whatever_is_pasted_is_read_as_the_command_reads_it(page, tmp_path_factory, contents, skip):
    directory = tmp_path_factory.mktemp("hostile")
    expected = [read_by_the_command(directory, content, skip) for content in contents]
    for content, own, found in zip(
        contents, expected, read_in_the_browser(page, contents, skip), strict=True
    ):
        assert found == own, content


GOOD = b">a caf\xc3\xa9\nMKTAYIAKQR\n>a\nMKL*AA-\n"
ODD = b">c\x1b\nMKT\n>b\nM" + b"X" * 9 + b"\n"
LONE = b">a\nMKT\n>b\rMKV\nMAA\n"
AS_FILES = {
    "gzip": gzip.compress(GOOD),
    "no gzip behind its mark": gzip.compress(GOOD)[:-12],
    "twice compressed": gzip.compress(gzip.compress(GOOD)),
    "utf-16": GOOD.decode().encode("utf-16"),
    "utf-16 without a mark": (b">" + b"abcdefgh" * 8 + b"\nMKT\n").decode().encode("utf-16-be"),
    "utf-32": GOOD.decode().encode("utf-32"),
    "one letter a line, old Macs": b">a\rMKT\rAY\r>b\rM",
    "a lone CR": LONE,
    "CR CR LF": b">a\r\r\nMKT\r\r\nAY",
    "nothing": b"",
    "blank": b"\n \n",
    "FASTQ": b"@r\nACGT\n+\nIIII\n",
    "GenBank": b"LOCUS  X\n",
    "HTML": b"<!DOCTYPE html><p>",
    "XML": b"\xef\xbb\xbf<x/>",
    "zip": b"PK\x03\x04....",
    "office": b"PK\x03\x04...[Content_Types].xml",
    "tar": b"a" + bytes(256) + b"ustar" + bytes(300),
    "binary": b"abc\x00\x01",
    "a table": b"id,sequence\nx,MKT\n",
    "a sequence": b"MKTAYIAK\n>a\nMKT\n",
    "a header in quotes": "\u201c>a\u201d\nMKT\n".encode(),
    "odd spaces": "a\xa0b\u2009'c\U0001f600\n".encode(),
    "a sentence": b"see the file\n>a\nMKT\n",
    "nucleotides of short records": b">a\nACGTACGTACGT\n>b\nGGGCCCAAATTT\n>c\nACG\n",
    "letters that turn a text": ">a\u202egnp \u2067x\u2069\u200f y\u061cz\n".encode() + b"MKT\n",
    "unseen letters": ">a\u200bb\xadc \u2065\U000e0041d\ufeff\u0600\nMKT\n".encode(),
    "a long header": b">" + b"x" * 3000 + b"\nM1\n",
    "a long word": b"y" * 3000 + b"\n",
    "three lines": b">A|EUKARYA|SP|0\nMKTAYIAKQRLLL\nSSSSSSSSSOOOO\n",
}


def test_files_of_every_kind_are_read_or_refused_in_the_command_s_words(page, tmp_path):
    found = read_in_the_browser(page, list(AS_FILES.values()))
    expected = [read_by_the_command(tmp_path, content) for content in AS_FILES.values()]
    assert dict(zip(AS_FILES, found, strict=True)) == dict(zip(AS_FILES, expected, strict=True))
    assert found[0][1][1][:2] == ["a_2", "a_2"]


def test_what_a_browser_cannot_unpack_is_refused_with_what_to_do(page):
    blocks = b"".join(_bgzip_block(part) for part in (GOOD[:9], GOOD[9:], b""))
    bzip2, bgzip, bomb = read_in_the_browser(
        page, [bz2.compress(GOOD), blocks, gzip.compress(b">a\n" + b"M" * 120_000_000, 1)]
    )
    assert (
        bzip2 == f"{NAME}: is compressed as bz2, which a browser does not unpack; "
        "give it unpacked or as gz"
    )
    assert bgzip == read_in_the_browser(page, [GOOD])[0]
    assert bomb == (
        f"{NAME}: more than 100 MB, which is too much for a browser; use the command or the server"
    )


def _bgzip_block(content: bytes) -> bytes:
    """A part of a file as bgzip writes it: a whole gzip that says how long it is."""
    packed = gzip.compress(content)
    extra = b"BC\x02\x00" + (len(packed) + 8 - 1).to_bytes(2, "little")
    return packed[:3] + b"\x04" + packed[4:10] + b"\x06\x00" + extra + packed[10:]


# Decoding and writing -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proteins(tmp_path_factory, labelled_file, ecoli, request):
    """2,000 real proteins of all types and organisms, or fewer where they are not at hand."""
    path = tmp_path_factory.mktemp("real") / "real.faa"
    try:
        labelled = read_labelled(request.getfixturevalue("shared") / "data" / "train_set.fasta")
    except pytest.skip.Exception:
        labelled = read_labelled(labelled_file)
    by_kind: dict[tuple[str, str], list[str]] = {}
    for one in labelled:
        own = IDENTIFIERS.get(one.organism, "OX=562")
        record = f">{one.accession} {one.type} {own}\n{one.sequence}\n"
        by_kind.setdefault((one.organism, one.type), []).append(record)
    assert len({kind for _, kind in by_kind}) == len(TYPES)
    records = [record for kind in by_kind.values() for record in kind[:130]][:1700]
    path.write_text("".join(records) + ecoli.read_text())
    return path


@pytest.fixture(scope="module")
def decoded(proteins, site):
    """Windows with what Python's decoder makes of the network's scores, which the page reads."""
    predictor = load("fast", threads=1)
    keys = {(p.window, organism_of(p.header) or Organism.OTHER): p for p in read_fasta(proteins)}
    windows = [window for window, _ in keys]
    allowed = np.array([np.isin(TYPES, organism.types) for _, organism in keys])
    scores, rows = {}, []
    for batch in batches(windows, 128):
        emissions = predictor.backend.emissions(batch.residues)
        found = Decoder(grammar(), predictor.backend.scores).decode(
            emissions,
            batch.lengths,
            allowed[batch.rows],
            marginals=True,
            eukaryotic=~allowed[batch.rows, 2],
        )
        for n, (row, length) in enumerate(zip(batch.rows, batch.lengths, strict=True)):
            scores[int(row)] = emissions[n, :length]
            rows.append((int(row), found, n, int(length)))
    rows.sort(key=lambda row: row[0])
    flat = [
        np.concatenate(
            [
                decoded.type_probabilities[n],
                [decoded.types[n], decoded.sites[n], decoded.site_probabilities[n]],
                decoded.paths[n, :length],
                decoded.cleavage[n, :length],
                decoded.marginals[n, :length].ravel() if row < LOOKED_AT else [],
            ]
        )
        for row, decoded, n, length in rows
    ]
    (site / SCORES).write_bytes(b"".join(scores[row].tobytes() for row in range(len(windows))))
    (site / EXPECTED).write_bytes(np.concatenate(flat).astype(np.float64).tobytes())
    crf = predictor.backend.scores
    return {
        "windows": windows,
        "organisms": [str(organism) for _, organism in keys],
        "transitions": crf.transitions.ravel().tolist(),
        "starts": crf.starts.tolist(),
        "ends": crf.ends.tolist(),
        "lookedAt": LOOKED_AT,
    }


def test_the_decoder_gives_what_python_s_gives_of_the_same_scores(page, decoded):
    found = page.evaluate(DECODE, decoded)
    assert found["all"] and found["differing"] == 0
    assert set(found["types"]) == set(TYPES)
    assert max(found["worst"].values()) < 1e-6, found["worst"]
    assert found["worst"]["marginals"] < 1e-9  # the same float64, added in another order


def test_all_files_of_two_thousand_proteins_are_the_command_s_bytes(
    page, decoded, proteins, tmp_path, monkeypatch
):
    page.evaluate(DECODE, decoded)
    monkeypatch.chdir(tmp_path)
    predict_run(proteins, "results", RunOptions(organism="auto", fasta=True, threads=1))
    found = page.evaluate("(given) => probe.write(given)", [proteins.read_text(), "auto"])
    expected = {path.name: path.read_text() for path in (tmp_path / "results").glob("[!.]*")}
    assert found.keys() == expected.keys()
    assert len(expected[tables.FILE].splitlines()) > 600
    # The scores there have all digits, of which the last depend on the order of additions.
    own, others = (re.findall(SCORE, one.pop("output.gff3")) for one in (found, expected))
    assert [line[::2] for line in own] == [line[::2] for line in others]
    assert [float(line[1]) for line in own] == pytest.approx([float(line[1]) for line in others])
    assert len(own) > 100
    for one in (found, expected):
        one["prediction_results.txt"] = re.sub(TIME, "", one["prediction_results.txt"], count=1)
    assert found == expected


def test_kinds_of_warnings_are_the_command_s(page, tmp_path):
    _, read = read_by_the_command(tmp_path, GOOD + ODD)
    warnings = [warning for protein in read for warning in protein[3]]
    proteins = [Protein("p", "M", (warning,)) for warning in warnings]
    kinds = [warning_kinds(Prediction(one, "NO_SP", {})) for one in proteins]
    assert len(set(kinds)) == 4
    assert page.evaluate("(given) => probe.kinds(given)", warnings) == [own for (own,) in kinds]


@pytest.mark.parametrize(
    "value",
    [0.5, 1.0, 0.0, 1e-5, 1.5e-7, 0.1 + 0.2, 0.0078125, 0.0234375, 0.9999995, 1 / 3, 2**-20],
)
def test_numbers_are_written_as_python_writes_them(page, value):
    found = page.evaluate("(value) => probe.written(value)", value)
    assert found == [repr(float(value)), f"{value:.6f}", f"{value:.4f}"]


# The whole engine ------------------------------------------------------------------------------


def sites(text: str) -> list[tuple[str, str, str]]:
    head, *rows = [line.split("\t") for line in text.splitlines()]
    wanted = [head.index(name) for name in ("id", "type", "cleavage_site")]
    return [tuple(row[n] for n in wanted) for row in rows]


def test_with_shared_memory_too_types_and_sites_are_the_command_s(chromium, site, ecoli, tmp_path):
    text = "".join(f">{part}" for part in ecoli.read_text().split(">")[1:61])
    (tmp_path / NAME).write_text(text)
    predict_run(tmp_path / NAME, tmp_path / "results", RunOptions(organism="auto", threads=1))
    with served(site, ISOLATED) as base:
        page = opened(chromium, base)
        found = page.evaluate(RUN, {"text": text, "organism": "auto"})
        assert (found["isolated"], found["threads"]) == (True, "function")
        assert sites(found["tsv"]) == sites((tmp_path / "results" / tables.FILE).read_text())
        state = found["state"]
        assert state["state"] == "done" and state["finished"] >= state["started"]
        assert found["seen"] == sorted(found["seen"])
        assert state["progress"]["done"] == 60 and state["progress"]["rate"] > 0
        assert state["command"] == "peft-sp predict input.fasta --organism auto --fasta -o results"
        bad = page.evaluate(RUN, {"text": ">a\nMKT\n>b\nMK7\n", "organism": "other"})
        assert bad["state"]["state"] == "failed"
        assert bad["state"]["error"] == {
            "message": "'7' at residue 3 is no amino acid; remove the numbers",
            **{"line": 3, "record": "b", "file": "input.fasta"},
        }
        # A job is cancelled at once, and the engine takes the next one.
        stopped = page.evaluate(
            "(request) => probe.cancel(request)", {"text": text, "organism": "other"}
        )
        assert stopped == "cancelled"
        text = ">a\nMSTNPKPQRK\n>b\nMK7\n>a\nMST\n"
        next_one = page.evaluate(RUN, {"text": text, "organism": "other", "skipInvalid": True})
        assert next_one["state"]["counts"] == {"NO_SP": 2}
        assert next_one["state"]["skipped"] == [bad["state"]["error"]]
        assert [name for name, *_ in sites(next_one["tsv"])] == ["a", "a_2"]
        page.close()


def test_the_site_predicts_without_a_network_once_it_was_visited(chromium, site, ecoli, tmp_path):
    troubles: list[str] = []
    context = chromium.new_context(accept_downloads=True)
    page = context.new_page()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    with served(site) as base:
        page.goto(base)
        page.wait_for_selector("html[data-ready=yes]")
        page.evaluate(CONTROLLED)
    # The server is gone.
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.evaluate("crossOriginIsolated") is False
    page.set_input_files("#files", ecoli)
    page.click("#predict")
    page.wait_for_selector(RESULTS, timeout=180_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="predictions.tsv", exact=True).click()
    predict_run(ecoli, tmp_path / "results", RunOptions(organism="auto", threads=1))
    expected = (tmp_path / "results" / tables.FILE).read_text()
    assert sites(Path(download.value.path()).read_text()) == sites(expected)
    assert troubles == []
    context.close()
