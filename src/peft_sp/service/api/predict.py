"""A few sequences, predicted while the client waits."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from peft_sp.errors import InputError, ModelError
from peft_sp.service.api.answers import ProblemError, documented
from peft_sp.service.api.schemas import Predictions, PredictRequest
from peft_sp.service.api.state import Here
from peft_sp.service.job import Problem

router = APIRouter(tags=["predict"])


@router.post(
    "/predict", response_model=Predictions, responses=documented(400, 408, 413, 422, 429, 503)
)
def predict(request: PredictRequest, service: Here) -> dict[str, Any]:
    """Predict a few sequences at once; for more, send a job."""
    most = service.settings.max_at_once
    if len(request.sequences) > most:
        raise ProblemError(422, f"more than {most:,} sequences; send them as a job")
    model = request.model or service.models.default
    try:
        service.models.require(model)
        pairs = [(one.id, one.sequence) for one in request.sequences]
        return {"predictions": service.models.predict(model, request.organism, pairs)}
    except InputError as error:
        raise ProblemError(422, Problem.of(error)) from None
    except ModelError as error:
        raise ProblemError(422, str(error)) from None
