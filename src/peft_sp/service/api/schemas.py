"""What the API takes and gives, as types from which its OpenAPI description is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from peft_sp.biology.grammar import TYPES
from peft_sp.io.writers import scans, tables
from peft_sp.service.job import State

_SEQUENCE = "MKIKTGARILALSALTTMMFSASALAKIEEGKLVIWINGDKG"
FASTA_EXAMPLE = f">sp|P0AEX9|MALE_ECOLI OS=Escherichia coli\n{_SEQUENCE}\n"
Choice = Literal["auto", "eukarya", "other"]
MOST_ROWS = 10_000


def _known_type(name: str) -> str:
    if name not in TYPES:
        raise ValueError(f"choose one of {', '.join(TYPES)}")
    return name


TypeName = Annotated[
    str, AfterValidator(_known_type), Field(json_schema_extra={"enum": list(TYPES)})
]


class Given(BaseModel):
    """What a client sends: a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Answer(BaseModel):
    """What the API gives."""

    model_config = ConfigDict(protected_namespaces=(), from_attributes=True)


class JobOptions(Given):
    """How to predict."""

    organism: Choice = Field(
        "auto", description="Whether all proteins are of eukaryotes or not; auto: as headers say."
    )
    model: str | None = Field(
        None, max_length=200, description="One of `about`'s models; by default its default."
    )
    compare: str | None = Field(
        None, max_length=200, description="A second model, whose other opinions are given as well."
    )
    skip_invalid: bool = Field(False, description="Leave out records that cannot be predicted.")


class JobRequest(JobOptions):
    """A job whose proteins are given as text."""

    fasta: str = Field(min_length=1, description="Proteins as FASTA.", examples=[FASTA_EXAMPLE])


class Sequence(Given):
    """A protein."""

    id: str = Field(max_length=1000, examples=["MALE_ECOLI"])
    sequence: str = Field(examples=[_SEQUENCE], description="Its residues.")


class PredictRequest(Given):
    """A few proteins that are predicted at once."""

    sequences: Annotated[list[Sequence], Field(min_length=1)]
    organism: Choice = "auto"
    model: str | None = Field(None, max_length=200)


class ResultQuery(Given):
    """Which results are asked for, and how."""

    format: Literal["json", "tsv", "gff3", "zip"] = "json"
    offset: int = Field(0, ge=0, le=2**53, description="Rows that are left out.")
    limit: int | None = Field(
        None, ge=1, le=MOST_ROWS, description="Rows at most; JSON has 100 by default, TSV all."
    )
    type: list[TypeName] = Field([], description="Only proteins of these types.")


class ErrorDetail(Answer):
    """What is wrong, in one line, and where in the input as far as that is known."""

    message: str = Field(examples=["'!' at residue 3 is no amino acid; remove it"])
    line: int | None = Field(None, examples=[12])
    record: str | None = Field(None, examples=["MALE_ECOLI"])
    file: str | None = Field(None, examples=["proteome.faa"])


class ErrorAnswer(Answer):
    """An error."""

    error: ErrorDetail


class Accepted(Answer):
    """A job that was taken."""

    id: str = Field(examples=["Jq3vN0Zk1yB5c8dXw2LmTA"])
    state: State
    url: str = Field(examples=["/api/v1/jobs/Jq3vN0Zk1yB5c8dXw2LmTA"])
    expires: str = Field(description="When it is removed, in UTC (ISO 8601).")


class Progress(Answer):
    """How far a job is: proteins, proteins a second, seconds that remain."""

    done: int
    total: int | None
    rate: float | None
    remaining: float | None


class UsedModel(Answer):
    """The model of a job; version of the package that holds it, hash of its files: once done."""

    name: str
    version: str | None
    hash: str | None


class ResultFile(Answer):
    """A file of the results."""

    name: str
    bytes: int
    url: str


class JobAnswer(Answer):
    """A job and how far it is. Times are in UTC (ISO 8601)."""

    id: str
    state: State
    submitted: str
    started: str | None
    finished: str | None
    expires: str
    ahead: int = Field(description="Jobs that are before it.")
    progress: Progress
    model: UsedModel
    compare: str | None
    organism: Choice
    counts: dict[str, int] = Field(description="Proteins by type.")
    unusable: int = Field(description="Records that were left out.")
    skipped: list[ErrorDetail] = Field(description="Why, of the first hundred of them.")
    command: str = Field(description="The command that does the same.")
    files: list[ResultFile]
    error: ErrorDetail | None


class ModelChoice(Answer):
    """A model that may be asked for."""

    name: str
    description: str
    default: bool
    installed: bool


class OrganismChoice(Answer):
    """An organism that may be asked for."""

    name: Choice
    label: str
    sentence: str


class Limits(Answer):
    """What is taken: of a job, of a client, and at once."""

    max_bytes: int
    max_text_bytes: int
    max_records: int
    max_length: int
    max_files: int
    max_at_once: int
    max_jobs: int
    max_seconds: float


class About(Answer):
    """The service."""

    version: str
    models: list[ModelChoice]
    organisms: list[OrganismChoice]
    limits: Limits
    citation: str
    kept_days: float


def _column(name: str, kind: Any) -> tuple[Any, Any]:
    kind = TypeName if name == "type" else kind
    return (kind, ...) if kind in (str, TypeName) else (kind | None, ...)


Row: Any = create_model(
    "Prediction",
    __base__=Answer,
    __doc__="A row of `predictions.tsv`, its numbers as numbers; null where there is none.",
    **dict[str, Any]({field.name: _column(field.name, field.kind) for field in tables.FIELDS}),
)
ScanRow: Any = create_model(
    "ScanRow",
    __base__=Answer,
    __doc__="A row of `scan.tsv`, its numbers with all digits; null where there is none.",
    **dict[str, Any]({name: _column(name, kind) for name, kind in scans.FIELDS.items()}),
)


class Predictions(Answer):
    """Predictions of a few proteins, in their order."""

    predictions: list[Row]


class ResultPage(Answer):
    """Some predictions of a job, in the order of its input; total: of all that were asked for."""

    total: int
    offset: int
    predictions: list[Row]


class View(Answer):
    """What a page needs to show a job: how many blocks of its proteins there are, and frames."""

    proteins: int
    blocks: int
    frames: list[Any]


class Disagreement(Answer):
    """A protein of which the second model says something else; index: in the input, from 0."""

    index: int
    type: TypeName
    site: int | None
    probability: float = Field(description="Of that type, as the second model has it.")


class Health(Answer):
    """Whether the service works, and what does not."""

    status: Literal["ok", "unavailable"]
    problems: list[str] = []
