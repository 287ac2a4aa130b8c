"""What the service is: its models, organisms and limits."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from peft_sp.service import facts
from peft_sp.service.api.schemas import About, Limits, ModelChoice, OrganismChoice
from peft_sp.service.api.state import Here
from peft_sp.version import __version__

router = APIRouter(tags=["about"])


@router.get("/about")
def about(service: Here) -> About:
    """The version, what may be chosen, what is taken, and how to cite."""
    models = [
        ModelChoice(
            name=model.name,
            description=model.description,
            default=model.name == service.models.default,
            installed=model.installed,
        )
        for model in service.models.offered.values()
    ]
    return About(
        version=__version__,
        models=models,
        organisms=[OrganismChoice.model_validate(_choice(one)) for one in facts.organisms()],
        limits=Limits.model_validate(service.settings),
        citation=facts.CITATION,
        kept_days=service.settings.kept_days,
    )


def _choice(organism: dict[str, Any]) -> dict[str, Any]:
    return {name: organism[name] for name in ("name", "label", "sentence")}
