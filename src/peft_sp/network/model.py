"""The whole network: encoder, head, CRF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from peft_sp.biology.alphabet import PAD
from peft_sp.biology.grammar import grammar
from peft_sp.errors import RecipeError
from peft_sp.network.crf import ConstrainedCRF
from peft_sp.network.encoders.sharding import sliced
from peft_sp.network.heads.emissions import build_head
from peft_sp.network.settings import HeadSettings, ModelSettings

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone, Backbones


@dataclass(frozen=True)
class Output:
    """What the network computes for a batch.

    emissions (B, L, S) float, in nats; mask (B, L) bool, true on residues. Where allowed states
    were given also log_likelihood (B,), in nats, of staying in them, marginals (B, L, S), if they
    are wanted, and log_partition (B,), in nats.
    """

    emissions: Tensor
    mask: Tensor
    log_likelihood: Tensor | None = None
    marginals: Tensor | None = None
    log_partition: Tensor | None = None


class SignalPeptideModel(nn.Module):
    """Residue codes -> emissions, with the CRF that scores them.

    `encoder` maps codes (B, L) to hidden states (B, L, D). Parameters fall in two groups:
    the encoder's trainable ones and the head's (head and CRF), see `parameter_groups`.
    backbone_hash: of the weights that were there before tuning, None without a backbone.
    """

    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        head: HeadSettings,
        backbone_hash: str | None = None,
    ) -> None:
        super().__init__()
        rules = grammar()
        self.encoder = encoder
        self.backbone_hash = backbone_hash
        self.dropout = nn.Dropout(head.dropout)
        self.head = build_head(head, width, rules.size)
        self.crf = ConstrainedCRF(rules.transitions, rules.starts, rules.ends)

    def forward(
        self, residues: Tensor, allowed: Tensor | None = None, marginals: bool = True
    ) -> Output:
        """Residues (B, L) int codes, `PAD` behind each end; allowed states (B, L, S) bool.

        marginals: whether they are wanted beside the likelihood of the allowed states.
        """
        hidden = self.encoder(residues)
        mask = residues != PAD
        precision = next(self.head.parameters()).dtype
        emissions = self.head(self.dropout(hidden.to(precision)), mask)
        if allowed is None:
            return Output(emissions, mask)
        with torch.autocast(emissions.device.type, enabled=False):
            found = self.crf.log_likelihood_and_marginals(emissions, mask, allowed, marginals)
            return Output(emissions, mask, *found)

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Trainable parameters of the encoder, and those of head and CRF."""
        encoder = [p for p in self.encoder.parameters() if p.requires_grad]
        head = [*self.head.parameters(), *self.crf.parameters()]
        return encoder, [p for p in head if p.requires_grad]

    def trainable_state(self) -> dict[str, Tensor]:
        """The tensors that training changes, and head and CRF, which may be frozen.

        That is all that a checkpoint has to hold.
        """
        trained = {
            name
            for name, p in self.named_parameters()
            if p.requires_grad or not name.startswith("encoder.")
        }
        return {name: t for name, t in self.state_dict().items() if name in trained}

    def load_trainable_state(self, state: dict[str, Tensor]) -> None:
        """Set the trainable tensors. Raises KeyError where names do not match exactly."""
        expected = set(self.trainable_state())
        if expected != set(state):
            raise KeyError(f"tensors that do not match: {sorted(expected ^ set(state))[:4]}")
        own = self.state_dict()
        self.load_state_dict({k: sliced(t, own[k]) for k, t in state.items()}, strict=False)


def build_model(settings: ModelSettings, backbones: Backbones | None = None) -> SignalPeptideModel:
    """The network that settings describe, ready to be trained.

    backbones: those in memory; networks on the same one share its frozen tensors. Raises
    RecipeError where the tuning does not fit the backbone, ModelError where the backbone cannot
    be read.
    """
    if settings.student is not None:
        from peft_sp.network.student import Student

        student = Student(settings.student)
        return _with_head(student, student.width, settings)

    from peft_sp.network.backbone import Backbone, Backbones, Lent
    from peft_sp.network.backbone_files import read_config, token_ids

    assert settings.backbone is not None and settings.tuning is not None
    config = read_config(settings.backbone)
    problems = settings.tuning.problems(config)
    whole = settings.tuning.trained == "backbone"
    if whole and settings.backbone_precision != "float32":
        problems.append(
            f'backbone_precision "{settings.backbone_precision}" is too coarse for parameters that '
            f'are trained, and method = "{settings.tuning.method}" trains the backbone'
        )
    if settings.backbone_precision == "nf4" and not settings.tuning.quantized:
        problems.append(
            f'method = "{settings.tuning.method}" is not had on a backbone in 4 bits; give '
            'backbone_precision = "bfloat16"'
        )
    if problems:
        raise RecipeError(f"backbone '{settings.backbone}'", problems)
    # What is trained whole shares nothing, and is rather read once more than copied.
    shared = None if whole else backbones
    encoder, fingerprint = (shared or Backbones()).take(
        settings.backbone, settings.backbone_precision
    )
    backbone = Backbone(encoder, token_ids(settings.backbone))
    lent = None if shared is None else Lent(encoder)
    settings.tuning.apply(backbone)
    if lent is not None:
        lent.separate(backbone)
    _check_trained(backbone, settings.tuning.method)
    return _with_head(backbone, backbone.width, settings, fingerprint)


def _with_head(
    encoder: nn.Module, width: int, settings: ModelSettings, backbone_hash: str | None = None
) -> SignalPeptideModel:
    try:
        model = SignalPeptideModel(encoder, width, settings.head, backbone_hash)
    except ValueError as error:
        raise RecipeError("head", [str(error)]) from None
    for part in (model.head, model.crf):
        part.requires_grad_(not settings.head.frozen)
    return model


def _check_trained(backbone: Backbone, method: str) -> None:
    """Refuse parameters that would be trained in vain.

    Raises RecipeError for those that the hidden states do not depend on, which would never
    move, and for those too coarse to move by small steps.
    """
    parts = [*backbone.family.used(backbone.network), backbone.prompts]
    used = {p for part in parts if isinstance(part, nn.Module) for p in part.parameters()}
    trained = {name: p for name, p in backbone.named_parameters() if p.requires_grad}
    problems = []
    if idle := [name for name, p in trained.items() if p not in used]:
        problems.append(
            f'method = "{method}" has no effect: the hidden states do not depend on {idle[0]}'
        )
    if coarse := [name for name, p in trained.items() if p.dtype != torch.float32]:
        problems.append(
            f"backbone_precision is too coarse for parameters that are trained: {coarse[0]}"
        )
    if problems:
        raise RecipeError("tuning", problems)


def seed_everything(seed: int) -> None:
    """Seed the generators that initialisation and dropout draw from."""
    torch.manual_seed(seed)
