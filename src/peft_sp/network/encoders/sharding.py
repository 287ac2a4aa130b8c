"""A network whose tensors are divided among processes: FSDP2, torch's `fully_shard`.

Each process holds a slice of every tensor. A layer's are gathered while it computes, so that a
network needs a process's part of its memory and that of one layer. Slices are `DTensor`s; what
reads or sets whole tensors goes through `whole` and `sliced`, which leave others as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def shard(model: nn.Module, layers: Iterable[nn.Module] = ()) -> None:
    """Divide a network among the processes that there are, in place; each calls it.

    layers: of the network, each gathered by itself; the rest, head and CRF included, is as one.
    """
    from torch.distributed.fsdp import fully_shard

    # Nothing here changes what the network returns in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
    for layer in layers:
        fully_shard(layer)
    fully_shard(model)


def is_sharded(model: nn.Module) -> bool:
    """Whether processes hold slices of it."""
    return any(_is_slice(p) for p in model.parameters())


def whole(value: Any) -> Any:
    """A tensor that was divided, on the processor; tables and lists with such ones in them, too.

    All processes call it for the same tensors in the same order.
    """
    if _is_slice(value):
        return value.full_tensor().detach().cpu()
    if isinstance(value, Mapping):
        return {key: whole(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [whole(one) for one in value]
    return value


def sliced(value: Tensor, like: Tensor) -> Tensor:
    """The slice of a whole tensor that this process holds, where `like` is one of that shape."""
    if not _is_slice(like) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    own: Any = like
    value = value.to(own.device)
    # Every process has it: nothing is sent.
    return distribute_tensor(value, own.device_mesh, own.placements, src_data_rank=None)


def gather(model: nn.Module, names: Collection[str]) -> None:
    """Put whole tensors in place of some slices; to be saved, not to compute.

    names: of the parameters. The rest stays divided: no process may have room for it.
    """
    for path, module in model.named_modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if f"{path}.{name}".removeprefix(".") in names and _is_slice(parameter):
                own = nn.Parameter(whole(parameter), requires_grad=parameter.requires_grad)
                setattr(module, name, own)


def _is_slice(value: Any) -> bool:
    if not torch.distributed.is_available():
        return False
    from torch.distributed.tensor import DTensor

    return isinstance(value, DTensor)
