"""Packs as pip leaves them: metadata folders on Python's path, some of them spoilt."""

from __future__ import annotations

import sys

import pytest

from peft_sp.errors import ModelError
from peft_sp.io.registry.packs import GROUP, Offer, directory_of, offers


def test_a_pack_is_found_and_not_imported(site):
    folder = site.package("peft_sp_one")
    site.install("peft-sp-one", "1.2", f"[{GROUP}]\none = peft_sp_one\n")
    assert offers() == [Offer("one", "peft-sp-one", "1.2", folder)]
    assert "peft_sp_one" not in sys.modules


def test_a_pack_of_several_models(site):
    site.package("peft_sp_many")
    small, large = (site.package("peft_sp_many", name) for name in ("small", "large"))
    points = f"[{GROUP}]\nsmall = peft_sp_many.small\nlarge = peft_sp_many.large\n"
    site.install("peft-sp-many", "1", points)
    assert [(o.name, o.directory) for o in offers()] == [("large", large), ("small", small)]
    assert not [name for name in sys.modules if name.startswith("peft_sp_many")]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("no_such_package", "'no_such_package' cannot be found"),
        ("peft_sp_whole.no_such_folder", "is not a directory on disk"),
        ("peft_sp_whole:model", "must name a package alone"),
        ("", "must name a package alone"),
        ("../elsewhere", "must name a package alone"),
        ("json.decoder", "is not a directory on disk"),
        ("sys", "is not a directory on disk"),
    ],
)
def test_a_broken_pack_says_what_is_the_matter_beside_a_whole_one(site, value, problem):
    site.package("peft_sp_whole")
    site.install("peft-sp-whole", "1", f"[{GROUP}]\nwhole = peft_sp_whole\n")
    site.install("peft-sp-broken", "2", f"[{GROUP}]\nbroken = {value}\n")
    broken, whole = offers()
    assert (broken.name, broken.package, broken.directory) == ("broken", "peft-sp-broken", None)
    assert problem in broken.problem
    assert whole.problem == "" and whole.directory is not None


def test_names_that_would_be_paths_are_refused(site):
    site.package("peft_sp_odd")
    site.install("peft-sp-odd", "1", f"[{GROUP}]\na/b = peft_sp_odd\n")
    (offer,) = offers()
    assert "letters, digits" in offer.problem


def test_a_package_whose_entry_points_cannot_be_read_spoils_no_other(site):
    site.package("peft_sp_whole")
    site.install("peft-sp-whole", "1", f"[{GROUP}]\nwhole = peft_sp_whole\n")
    site.install("unrelated", "1", "[console_scripts]\nno equals sign\n")
    assert [o.name for o in offers()] == ["whole"]
    site.install("peft-sp-spoilt", "3", f"[{GROUP}]\nno equals sign\n")
    spoilt, whole = offers()
    assert (spoilt.package, spoilt.version) == ("peft-sp-spoilt", "3")
    assert "cannot be read" in spoilt.problem and not whole.problem


def test_a_package_without_metadata_of_its_own(site):
    site.package("peft_sp_bare")
    site.install("peft-sp-bare", "1", f"[{GROUP}]\nbare = peft_sp_bare\n", metadata="")
    (offer,) = offers()
    assert offer.name == "bare" and offer.directory is not None


def test_directory_of_a_package_in_an_archive(tmp_path, monkeypatch):
    import zipfile

    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("peft_sp_zipped/__init__.py", "")
    monkeypatch.syspath_prepend(tmp_path / "packed.zip")
    with pytest.raises(ModelError, match="not a directory on disk"):
        directory_of("peft_sp_zipped")


def test_entry_points_that_are_no_text_are_a_line(site):
    site.package("peft_sp_whole")
    site.install("peft-sp-whole", "1", f"[{GROUP}]\nwhole = peft_sp_whole\n")
    site.install("peft-sp-odd", "1", "")
    points = site.folder / "peft_sp_odd-1.dist-info" / "entry_points.txt"
    points.write_bytes(f"[{GROUP}]\nodd = ".encode() + b"\xff\xfe\n")
    odd, whole = offers()
    assert (odd.package, odd.problem) == ("peft-sp-odd", "its entry points cannot be read")
    assert whole.name == "whole" and not whole.problem
