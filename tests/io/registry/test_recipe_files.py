import tomllib

import pytest

from peft_sp.errors import RecipeError
from peft_sp.io.registry.recipe_files import PRETRAINING, as_toml, change, find, resolve, shipped


def write(directory, **recipes):
    for name, text in recipes.items():
        (directory / f"{name.replace('_SIZE_', '-')}.toml").write_text(text)


def resolved(path):
    return resolve(find(path))


def problems(path):
    with pytest.raises(RecipeError) as caught:
        resolve(find(path))
    return str(caught.value)


def test_tables_merge_and_values_replace(tmp_path):
    write(
        tmp_path,
        top='data = "d"\nlist = [1, 2]\n[a]\nx = 1\ny = 2\n[a.b]\nz = 3\n',
        middle='base = "top.toml"\nlist = [3]\n[a]\ny = 5\n',
        low='base = "middle.toml"\n[a.b]\nw = 4\n',
    )
    expected = {"data": "d", "list": [3], "a": {"x": 1, "y": 5, "b": {"z": 3, "w": 4}}}
    assert resolved(tmp_path / "low.toml") == {"name": "low", **expected}


def test_a_name_and_a_description_are_not_inherited(tmp_path):
    write(tmp_path, a='name = "n"\ndescription = "about a"\nx = 1\n', b='base = "a.toml"\n')
    assert resolved(tmp_path / "a.toml")["name"] == "n"
    assert resolved(tmp_path / "b.toml") == {"name": "b", "x": 1}


def test_tuning_of_another_method_and_a_search_are_not_merged(tmp_path):
    lora = '[tuning]\nmethod = "lora"\nrank = 8\n[search]\n"a.b" = {low = 1, high = 2}\n'
    write(
        tmp_path,
        lora=lora,
        same='base = "lora.toml"\n[tuning]\nalpha = 4\n',
        other='base = "lora.toml"\n[tuning]\nmethod = "ia3"\n[search]\n"c" = {choices = [1, 2]}\n',
    )
    assert resolved(tmp_path / "same.toml")["tuning"] == {"method": "lora", "rank": 8, "alpha": 4}
    other = resolved(tmp_path / "other.toml")
    assert other["tuning"] == {"method": "ia3"}
    assert other["search"] == {"c": {"choices": [1, 2]}}


def test_a_file_of_sizes_holds_a_recipe_for_each(tmp_path):
    write(
        tmp_path,
        base='[fit]\nrate = 1\n[sizes]\nS = {backbone = "s"}\nL = {backbone = "l", fit.b = 1}\n',
        all='base = "base.toml"\n[fit]\nb = 0\n',
        some='base = "base.toml"\n[sizes.L]\nfit = {rate = 3}\n',
        one='base = "some-L.toml"\n',
    )
    assert resolved(tmp_path / "all-S.toml") == {
        "name": "all-S",
        "backbone": "s",
        "fit": {"rate": 1, "b": 0},
    }
    # A file's own values go before those that its base has for a size.
    assert resolved(tmp_path / "all-L.toml")["fit"] == {"rate": 1, "b": 0}
    assert resolved(tmp_path / "some-L.toml")["fit"] == {"rate": 3, "b": 1}
    assert resolved(tmp_path / "one.toml") == {
        "name": "one",
        "backbone": "l",
        "fit": {"rate": 3, "b": 1},
    }
    assert "some.toml has L" in problems(tmp_path / "some-S.toml")
    several = problems(tmp_path / "all.toml")
    assert "holds several recipes; name one of all-S.toml, all-L.toml" in several


def test_a_file_goes_before_a_size(tmp_path):
    write(tmp_path, a="[sizes.S]\nx = 1\n")
    write(tmp_path, a_SIZE_S="x = 2\n")
    assert resolved(tmp_path / "a-S.toml")["x"] == 2


def test_inherited_options_can_be_taken_away(tmp_path):
    write(
        tmp_path,
        a="x = 1\n[t]\ny = 2\nz = 3\n",
        b='base = "a.toml"\nunset = ["x", "t.y"]\n',
        c='base = "a.toml"\nunset = ["t.w", "v.w"]\n',
        d='unset = "x"\n',
    )
    assert resolved(tmp_path / "b.toml") == {"name": "b", "t": {"z": 3}}
    message = problems(tmp_path / "c.toml")
    assert "unset names t.w, which is not inherited" in message and "v.w" in message
    assert "unset is a list of options, not 'x'" in problems(tmp_path / "d.toml")


def test_a_recipe_of_the_package_may_be_a_base(tmp_path):
    write(tmp_path, mine='base = "lora-8M"\n[tuning]\nrank = 4\n')
    mine, shared = resolved(tmp_path / "mine.toml"), resolve(shipped()["lora-8M"])
    assert mine["tuning"] == {**shared["tuning"], "rank": 4}
    assert mine["optimisation"] == shared["optimisation"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('base = "none.toml"', "base none.toml: no such recipe"),
        ('base = "lora-8N"', "base lora-8N: no such recipe; did you mean lora-8M"),
        ("base = 3", "base is the name of a recipe or a file, not 3"),
        ('base = "other.toml"', "its bases form a circle: mine -> other -> mine"),
        ('base = "mine.toml"', "its bases form a circle: mine -> mine"),
        ("sizes = 3", "sizes is a table, not 3"),
        ("name = ", "cannot be read as TOML"),
        ("seed = " + "[" * 20_000, "cannot be read as TOML (nested too deeply)"),
        ("a." * 30_000 + "a = 1", "cannot be read as TOML (nested too deeply)"),
        ('[ "a" . ' + "'b' ." * 10_000 + "c]", "cannot be read as TOML (nested too deeply)"),
        ("seed = " + "1" * 5000, "cannot be read as TOML (an integer with too many digits)"),
        ("#" * 70_000, "cannot be read as TOML (it is larger than 65,536 bytes)"),
    ],
)
def test_bases_that_make_no_sense(tmp_path, text, problem):
    write(tmp_path, mine=text, other='base = "mine.toml"\n')
    assert problem in problems(tmp_path / "mine.toml")


def test_a_chain_of_bases_has_an_end(tmp_path):
    (tmp_path / "mine-0.toml").write_text("seed = 1\n")
    for number in range(1, 600):
        (tmp_path / f"mine-{number}.toml").write_text(f'base = "mine-{number - 1}.toml"\n')
    assert resolve(find(tmp_path / "mine-20.toml"))["seed"] == 1
    with pytest.raises(RecipeError, match=r"mine-599.toml: it has more than 20 bases"):
        resolve(find(tmp_path / "mine-599.toml"))


def test_what_cannot_be_a_value_is_text():
    for text in ("[" * 20_000, "1" * 5000, "x" * 60_000, '"' * 60_000, "{" + "a." * 30_000):
        values = {}
        assert change(values, [f"data={text}"], []) == []
        assert values == {"data": text}


def test_a_wrong_name_lists_similar_ones():
    assert "did you mean lora-8M or" in problems("lora-8m")
    assert "did you mean lora-8M? " in problems("recipes/lora-8M.toml")
    assert "'peft-sp recipes' lists" in problems("xyz")


def test_changes_remove_and_set_options():
    values = {"a": 1, "t": {"x": 2, "y": 3}}
    assert change(values, ["t.x=[1, 2]", "new.inner=some/path", "a=2"], ["t.y", "a"]) == []
    assert values == {"t": {"x": [1, 2]}, "new": {"inner": "some/path"}, "a": 2}


def test_all_wrong_changes_are_reported():
    values = {"a": 1}
    assert change(values, ["nonsense", "a.b=1"], ["c", "a.b"]) == [
        "--unset c: the recipe does not set it",
        "--unset a.b: the recipe does not set it",
        "--set takes key=value, not 'nonsense'",
        "--set a.b=1: 'a' is no table",
    ]


def test_values_are_written_as_toml_that_reads_as_the_same():
    values = {
        "text": 'a "quoted"\nline \\ with \x7f and é',
        "yes": True,
        "numbers": [1, -2.5, 1e-06, 3e22],
        "tables": [{}, {"a.b": 1, "c": "x"}],
        "empty": {},
        "table": {"x": 1, "inner": {"y": [], "a key": "z"}},
    }
    assert tomllib.loads(as_toml(values)) == values
    assert tomllib.loads(as_toml({"gone": None, "t": {"gone": None, "x": 1}})) == {"t": {"x": 1}}


def test_every_recipe_of_the_package_has_a_description_of_its_own_name():
    for name, source in (shipped() | shipped(PRETRAINING)).items():
        values = resolve(source)
        assert values["name"] == name and values["description"].endswith(".")
