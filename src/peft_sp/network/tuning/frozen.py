"""The baseline below all methods: nothing of the backbone is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from peft_sp.network.tuning.method import Method, Trained

if TYPE_CHECKING:
    from peft_sp.network.backbone import Backbone


class Frozen(Method):
    """Only the head is trained."""

    trained: ClassVar[Trained] = "nothing"
    method: Literal["frozen"] = "frozen"

    def apply(self, backbone: Backbone) -> None:
        """Leave the backbone as it is."""
