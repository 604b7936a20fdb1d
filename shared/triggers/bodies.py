"""Owns what a person may send: validated at the edge, with the field that is wrong."""

from __future__ import annotations

from typing import Annotated, Any

import azure.functions as func
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from shared.model.json import clean
from shared.remediator import Catalogue
from shared.triggers.problems import problem

type Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(clean)
]
_LONGEST = 10_000


class _Body(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True
    )


class ReconcileBody(_Body):
    """``POST /api/environments/{name}/reconcile``."""

    dry_run: bool = False
    remediators: list[str] = []
    reason: Reason = ""


class ReasonBody(_Body):
    """``POST …/pause|resume`` and ``…/approve|reject``."""

    reason: Reason = ""


class BadBodyError(ValueError):
    """The body cannot be used; ``response`` says which field and why."""

    def __init__(self, response: func.HttpResponse) -> None:
        super().__init__("bad body")
        self.response = response


def read_body[T: BaseModel](kind: type[T], request: func.HttpRequest) -> T:
    """The request's JSON body as ``kind``; an empty body means all defaults.

    Raises:
        BadBodyError: with a 400 that names each wrong field.
    """
    raw = request.get_body() or b"{}"
    if len(raw) > _LONGEST:
        raise BadBodyError(problem(413, f"the body has {len(raw)} bytes, allowed are {_LONGEST}"))
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        errors = [_told(dict(each)) for each in error.errors(include_url=False)]
        fields = ", ".join(sorted({each["field"] for each in errors}))
        raise BadBodyError(problem(400, f"the body is wrong in: {fields}", errors)) from error


def _told(error: dict[str, Any]) -> dict[str, Any]:
    field = ".".join(str(part) for part in error["loc"]) or "(body)"
    found = error.get("input")
    return {"field": field, "message": error["msg"], "found": repr(found)[:200]}


def unknown_remediators(names: list[str], catalogue: Catalogue) -> func.HttpResponse | None:
    """A 400 for names that no remediator has."""
    known = [remediator.name for remediator in catalogue]
    wrong = [name for name in names if name not in known]
    if not wrong:
        return None
    errors = [{"field": "remediators", "found": name, "allowed": known} for name in wrong]
    return problem(
        400, f"the body is wrong in: remediators; allowed are {', '.join(known)}", errors
    )
