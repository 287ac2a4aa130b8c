import pytest
from tests.support import forked, together

from peft_sp.network.checkpoint import load_checkpoint

KILLED = """
import os
from peft_sp.training.runs.train import train

def progress(report):
    if report.phase == "training" and report.done >= 8:
        os._exit(9)

train({recipe!r}, {model!r}, progress=progress)
"""


@pytest.mark.integration
@pytest.mark.slow  # half a minute of starting processes
def test_one_process_goes_on_where_two_with_a_slice_each_were_killed(few_file, tmp_path):
    """Checkpoints hold whole tensors: of the network, its average and the optimiser."""
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        f'data = "{few_file}"\n'
        "[partitions]\ntrain = [1]\ntest = 0\n[head]\ndropout = 0\n"
        "[student]\nwidth = 16\nhidden = 8\nconvolutions = 1\ndropout = 0\nresidue_dropout = 0\n"
        "[optimisation]\nepochs = 2\nbatch_size = 8\nema_decay = 0.9\n"
    )
    killed = KILLED.format(recipe=str(recipe), model=str(tmp_path / "killed"))
    code, _, errors = together.run(program=killed, ACCELERATE_USE_FSDP="true")
    assert code == 9, errors
    assert (tmp_path / "killed" / "checkpoints" / "checkpoint-5").is_dir()
    for name in ("killed", "whole"):
        code, _, errors = forked.run("train", recipe, "-o", tmp_path / name)
        assert code == 0, errors
    resumed, whole = (
        load_checkpoint(tmp_path / name).trainable_state() for name in ("killed", "whole")
    )
    for name, tensor in whole.items():
        assert (tensor - resumed[name]).abs().max() < 1e-6, name
