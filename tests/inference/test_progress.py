"""How far a run is, as its caller hears it."""

from peft_sp.inference.progress import Stages


def test_of_one_stage_what_is_computed_counts():
    told = []
    stages = Stages(lambda *of: told.append(of), 10)
    stages.computed(4)
    stages.written(2)
    stages.computed(10)
    assert told == [(4, 10), (10, 10)]


def test_of_two_stages_their_mean_counts_and_starts_where_a_run_is_resumed():
    told = []
    stages = Stages(lambda *of: told.append(of), 10, two_stages=True, done=2)
    stages.computed(6)
    stages.written(4)
    assert told == [(4, 10), (5, 10)]


def test_nobody_need_listen():
    Stages(None, 10).computed(4)
