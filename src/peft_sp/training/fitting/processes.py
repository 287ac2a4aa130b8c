"""The processes that train one network together, as torchrun and `accelerate launch` start them.

All that is not one process's own affair goes through here: who writes, who waits, who decides. A
process that was started alone is the first and only one, waits for nobody and decides itself.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from peft_sp.errors import RecipeError

PATIENCE = timedelta(days=7)
"""How long processes wait for each other: as long as the first one computes for all. Of a
process that ended it is the launcher that tells the others."""

_LAUNCHER_SHARDS, _SHARDING = "ACCELERATE_USE_FSDP", "PEFT_SP_USE_FSDP"
T = TypeVar("T")


def process_count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_number() -> int:
    """Which of them this is, from 0 on."""
    return int(os.environ.get("RANK", "0"))


def is_first_process() -> bool:
    """Whether this process speaks and writes for all."""
    return process_number() == 0


def shards_are_asked_for() -> bool:
    """Whether each process shall hold a slice of the network (`accelerate launch --use_fsdp`)."""
    asked = os.environ.get(_SHARDING) or os.environ.get(_LAUNCHER_SHARDS) or ""
    return asked.lower() in ("1", "true")


def share(size: int) -> range:
    """Of `size` things, those that fall to this process; those of all follow each other."""
    number, count = process_number(), process_count()
    return range(number * size // count, (number + 1) * size // count)


def refuse_division(recipe: str, batch_size: int, backbone_precision: str) -> None:
    """Raise RecipeError for what the processes that there are cannot divide among themselves.

    recipe: its name; batch_size: proteins of a batch, of which each process needs one.
    """
    if backbone_precision == "nf4" and shards_are_asked_for():
        problem = (
            'backbone_precision: "nf4", weights in 4 bits, are not divided among processes; give '
            "--set backbone_precision=bfloat16, or start them without --use_fsdp"
        )
        raise RecipeError(recipe, [problem])
    if batch_size < (count := process_count()):
        problem = (
            f"optimisation.batch_size: {batch_size} proteins cannot be divided among {count} "
            f"processes; start fewer, or give --set optimisation.batch_size={count}"
        )
        raise RecipeError(recipe, [problem])


def join() -> None:
    """Meet the other processes for the first time; again it does nothing."""
    import torch
    from accelerate.state import PartialState

    from peft_sp.training.fitting.precision import trains_on_processor

    distributed = torch.distributed
    # How a network is divided is our affair, on GPUs as on processors: accelerate, which divides
    # on GPUs alone, does not get to see the launcher's wish.
    if (asked := os.environ.pop(_LAUNCHER_SHARDS, None)) is not None:
        os.environ[_SHARDING] = asked
    if "RANK" not in os.environ or distributed.is_initialized():
        return
    # As the trainer does later, which takes what it finds.
    PartialState(cpu=trains_on_processor(), timeout=PATIENCE)
    if distributed.is_initialized():
        atexit.register(distributed.destroy_process_group)


def meet() -> None:
    """Wait until all processes are here."""
    if process_count() > 1:
        import torch

        torch.distributed.barrier()


@contextmanager
def first_process_first() -> Iterator[None]:
    """The others enter when the first has left, and find what it has stored."""
    if not is_first_process():
        meet()
    yield
    if is_first_process():
        meet()


def decided_by_first(decide: Callable[[], T]) -> T:
    """What the first process finds, in all of them; the others do not look themselves."""
    if process_count() == 1:
        return decide()
    import torch

    found = [decide() if is_first_process() else None]
    torch.distributed.broadcast_object_list(found)
    return found[0]  # type: ignore[return-value]  # the first one's
