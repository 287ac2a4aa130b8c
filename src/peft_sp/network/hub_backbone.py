"""What a model's backbone is called on the hub, once its weights there were compared."""

from __future__ import annotations

from pathlib import Path

from peft_sp.errors import ModelError
from peft_sp.io.registry import hub
from peft_sp.network.backbone import Backbones
from peft_sp.network.backbone_files import REVISIONS, locate


def hub_backbone(name: str, sha256: str) -> str:
    """The hub id of a published backbone, `owner/name@commit` of another one.

    name: a short name or a hub id; sha256: of the weights that a model adapts, which those on the
    hub must have. They are fetched where they are not on this machine. Raises ModelError and
    MissingExtraError.
    """
    place = locate(name)
    if Path(place).is_dir():
        raise ModelError(
            f"the backbone {name} is a directory of this machine, and others have only the hub's; "
            "name it as it is there by --backbone OWNER/NAME, or publish what 'peft-sp export' "
            "makes, which needs none"
        )
    repository, _, revision = place.partition("@")
    known = REVISIONS.get(repository)
    commit = revision or known or hub.commit_of(repository, repository)
    own = repository if commit == known else f"{repository}@{commit}"
    if (found := Backbones().take(own)[1]) != sha256:
        raise ModelError(
            f"the backbone {own} is not the one that was trained on: its weights have the hash "
            f"{found[:12]}..., those of training {sha256[:12]}...; name the right one by --backbone"
        )
    return own
