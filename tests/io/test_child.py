"""Child processes: what they import, what they answer, and when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from peft_sp.errors import MissingExtraError, OutputError
from peft_sp.io.child import Child, Children
from tests.support.paths import ROOT
from tests.support.processes import runs

CUCKOO = "import os\nos.write(2, b'cuckoo')\n"


@pytest.fixture
def child():
    one = Child()
    yield one
    one.close()


def test_a_child_answers_and_raises_as_the_function_would(child, tmp_path):
    assert child.call(os.path.join, "a", "b") == "a/b"
    with pytest.raises(FileNotFoundError, match="nosuch"):
        child.call(os.stat, str(tmp_path / "nosuch"))
    with pytest.raises(ValueError, match="invalid literal"):
        child.call(int, "x")
    with pytest.raises(MissingExtraError, match=r"pip install 'peft-sp\[plot\]'") as found:
        child.call(exec, "from peft_sp import errors; raise errors.MissingExtraError('x', 'plot')")
    assert found.value.extra == "plot"
    # An error that cannot be rebuilt from its message still says what happened.
    strange = "class Strange(Exception): pass\nraise Strange('odd')"
    with pytest.raises(RuntimeError, match="Strange: odd"):
        child.call(exec, strange)
    assert child.call(print, "not an answer") is None
    assert child.call(abs, -3) == 3


def test_a_child_that_is_killed_is_one_line(child):
    with pytest.raises(OutputError, match=r"has ended \(exit code -9\)"):
        child.call(signal.raise_signal, signal.SIGKILL)


def test_a_child_that_is_asked_to_end_hears_a_signal(child):
    threading.Timer(0.5, child.ask_to_end).start()
    with pytest.raises(OutputError, match=r"exit code -15"):
        child.call(time.sleep, 600)


def test_children_share_calls_and_can_be_ended_during_them():
    children = Children(2)
    calls = [children.submit(abs, -number) for number in range(20)]
    assert [call.result() for call in calls] == list(range(20))
    sleeping = [children.submit(time.sleep, 600) for _ in range(5)]
    children.close()
    assert all(call.cancelled() or call.exception() for call in sleeping)


def test_a_child_takes_no_module_from_the_current_directory(tmp_path):
    for name in ("pickle", "queue", "threading", "numpy", "peft_sp"):
        (tmp_path / f"{name}.py").write_text(CUCKOO)
    code = (
        "import sys; sys.path = [p for p in sys.path if p]; "
        "from peft_sp.io.child import Child; child = Child(); "
        f"import os; os.chdir({str(tmp_path)!r}); sys.path.insert(0, ''); "
        f"sys.path.insert(0, {str(tmp_path)!r}); "
        "other = Child(); print(other.call(eval, '1 + 1')); other.close(); child.close()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    )
    assert (run.stdout, run.stderr) == (b"2\n", b"")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="this system shows no processes")
def test_children_end_with_a_parent_that_is_killed_even_during_a_call():
    code = (
        "import time; from peft_sp.io.child import Children; children = Children(2); "
        "[children.submit(time.sleep, 600) for _ in range(2)]\n"
        "while len(children._all) < 2: time.sleep(0.01)\n"
        "print(*[child._process.pid for child in children._all], flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        time.sleep(1)  # they are asleep in their calls now
        assert len(pids) == 2 and all(runs(pid) for pid in pids)
        parent.kill()
    deadline = time.monotonic() + 30
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(runs, pids))
