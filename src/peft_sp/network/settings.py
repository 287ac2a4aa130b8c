"""How a network is put together, as data: the part of a recipe that a checkpoint carries.

Every class refuses options it does not know. `network/model.py` builds what they describe.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from peft_sp.io.registry import plugins
from peft_sp.network.tuning import METHODS, Method, Tuning


class Settings(BaseModel):
    """Base of every group of options: unknown ones are errors, values are fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _utf8(cls, values: Any) -> Any:
        """Refuse text that no JSON, TOML or card can hold: bytes of a command that are no UTF-8."""
        if isinstance(values, dict):
            for key, value in values.items():
                if isinstance(value, dict):  # a group of its own
                    continue
                try:
                    json.dumps(value, ensure_ascii=False, default=repr).encode()
                except UnicodeEncodeError:
                    raise ValueError(
                        f"{key} is not UTF-8, as texts and names of files have to be in a recipe; "
                        "rename the file, or link to it by another name"
                    ) from None
        return values


class StudentSettings(Settings):
    """The small network behind `fast` (see `network/student.py`)."""

    width: int = Field(
        default=128, ge=8, le=8192, description="channels of embedding and convolutions"
    )
    kernel: int = Field(default=7, ge=1, le=999, description="residues a convolution sees; odd")
    convolutions: int = Field(default=3, ge=0, le=100)
    dilations: list[Annotated[int, Field(ge=1, le=64)]] = Field(
        default=[1],
        min_length=1,
        max_length=100,
        description="steps between the residues that a convolution sees, a number for each "
        "convolution, from the first again after the last",
    )
    gated: bool = Field(
        default=False, description="one half of a convolution block's channels gates the other"
    )
    sequence: Literal["lstm", "attention", "none"] = Field(
        default="lstm",
        description="what carries a residue along the whole window: LSTMs from both ends, "
        "attention layers, or nothing behind the convolutions",
    )
    hidden: int = Field(default=96, ge=8, le=8192, description="LSTM units a direction")
    attention_layers: int = Field(default=1, ge=1, le=24)
    heads: int = Field(default=4, ge=1, le=64, description="of an attention layer")
    dropout: float = Field(default=0.2, ge=0, lt=1)
    residue_dropout: float = Field(
        default=0.05, ge=0, lt=1, description="fraction of residues that are masked in training"
    )

    @model_validator(mode="after")
    def _consistent(self) -> StudentSettings:
        if self.kernel % 2 == 0:
            raise ValueError(f"student.kernel must be odd, not {self.kernel}")
        if self.sequence == "attention" and self.width % self.heads:
            raise ValueError(
                f"student.width must be a multiple of student.heads ({self.heads}), not "
                f"{self.width}"
            )
        return self


HEADS = ("linear", "mlp", "lstm")
"""The heads that are here; others are offered by packages (see `io/registry/plugins.py`)."""


class HeadSettings(Settings):
    """Hidden states -> emissions (see `network/heads/emissions.py`)."""

    kind: str = Field(
        default="linear",
        description="linear, mlp (a layer of hidden units before it), lstm (one each way before "
        "it), or a head that an installed package offers",
    )
    hidden: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="hidden units of mlp (by default the width of the states) or of each direction "
        "of lstm (half of it)",
    )
    options: dict[str, bool | int | float | str] = Field(
        default={}, description="of a head that an installed package offers"
    )
    dropout: float = Field(default=0.1, ge=0, lt=1)
    frozen: bool = Field(
        default=False, description="leave head and CRF as they were drawn at random"
    )

    @model_validator(mode="after")
    def _known(self) -> HeadSettings:
        if self.kind not in HEADS and not plugins.is_offered(plugins.HEADS, self.kind):
            raise ValueError(
                f"head.kind '{self.kind}' is none of {', '.join(HEADS)}, and no installed package "
                "offers it"
            )
        if self.hidden is not None and self.kind not in HEADS[1:]:
            raise ValueError(
                f'head.hidden has no effect with kind = "{self.kind}"; mlp and lstm have hidden '
                "units"
            )
        if self.options and self.kind in HEADS:
            raise ValueError(f'head.options have no effect with kind = "{self.kind}"')
        return self


def _own_or_offered(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """A tuning method that is here, or of a package that the user installed."""
    if isinstance(value, Method):
        return value
    name = value.get("method") if isinstance(value, dict) else None
    if not isinstance(name, str) or name in METHODS:
        return handler(value)
    kind = plugins.find(plugins.TUNING, name)
    if kind is None:
        return handler(value)
    if not (isinstance(kind, type) and issubclass(kind, Method)):
        raise ValueError(f"'{name}' is offered by a package, and is no class of Method")
    return kind.model_validate(value)


class ModelSettings(Settings):
    """A whole network: either a backbone with a tuning method, or a student."""

    backbone: str | None = Field(default=None, description="name, hub id or directory")
    backbone_precision: Literal["float32", "bfloat16", "nf4"] = Field(
        default="float32",
        description="of the frozen weights in memory, for large backbones: bfloat16 halves them, "
        "nf4 stores projections in 4 bits (QLoRA)",
    )
    tuning: (
        SerializeAsAny[
            Annotated[
                Annotated[Tuning, Field(discriminator="method")], WrapValidator(_own_or_offered)
            ]
        ]
        | None
    ) = None
    student: StudentSettings | None = None
    head: HeadSettings = HeadSettings()

    @model_validator(mode="after")
    def _one_encoder(self) -> Any:
        if (self.backbone is None) == (self.student is None):
            raise ValueError("give either backbone or [student], and not both")
        if self.student is not None and self.tuning is not None:
            raise ValueError("[tuning] adapts a backbone; a [student] trains all its parameters")
        if self.student is not None and self.backbone_precision != "float32":
            raise ValueError("backbone_precision is of a backbone; a [student] has none")
        if self.backbone is not None and self.tuning is None:
            raise ValueError('a backbone needs [tuning], e.g. method = "lora"')
        return self
