"""Which models a cross-validation has, and which of them are still to be trained."""

from peft_sp.training.runs.folds import folds, outstanding


def test_the_protocols():
    deployed = [(f.partitions.train, f.partitions.test) for f in folds()]
    assert deployed == [((1, 2), 0), ((0, 2), 1), ((0, 1), 2)]
    published = [f.partitions for f in folds("published")]
    assert [(p.train, p.validation, p.test) for p in published] == [
        ((2,), 1, 0),
        ((1,), 2, 0),
        ((2,), 0, 1),
        ((0,), 2, 1),
        ((1,), 0, 2),
        ((0,), 1, 2),
    ]


def test_members_come_before_the_ensembles_that_need_them(small_recipe, tmp_path):
    def names(recipe):
        return [job.name for job in outstanding(recipe, tmp_path, "deployed", {})]

    def make(model):
        (tmp_path / model).mkdir(parents=True)
        (tmp_path / model / "config.json").touch()

    two = small_recipe.model_copy(update={"members": 2})
    assert names(small_recipe) == ["test-0", "test-1", "test-2"]
    make("test-0/member-1")
    make("test-0/member-2")
    make("test-1/member-2")
    members = ["test-1/member-1", "test-2/member-1", "test-2/member-2"]
    assert names(two) == ["test-0", *members]
    (tmp_path / "test-0" / "config.json").touch()
    jobs = outstanding(two, tmp_path, "deployed", {})
    assert [job.name for job in jobs] == members
    assert jobs[0].leaves == tmp_path / "test-1" / "member-1" / "config.json"
    assert jobs[0].make.args[0].seed == two.seed
