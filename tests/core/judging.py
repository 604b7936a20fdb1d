"""What the tests of the guards share: circumstances, locks, needs and how they are judged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.guards import Circumstances, Judgement, Verdict, judge
from shared.model.actual import Actual, Found, Question, Read
from shared.model.attempt import Attempt
from shared.model.environment import Mode
from shared.model.outcome import OutcomeKind
from shared.model.plan import Need, Requirement, Unit
from tests.core.builders import (
    CLUSTER,
    COMPUTE,
    ENDPOINT,
    GROUP,
    NOW,
    SUBNET,
    SUBSCRIPTION,
    answers,
    destroying,
    environment,
    plan,
    rid,
)

FREE = Circumstances(now=NOW, ceiling=Mode.REMEDIATE)
NO_LOCKS = answers({SUBSCRIPTION: {"value": []}}, Question.LOCKS)
UNLOCKED = Actual(NO_LOCKS)
ACTION = "Microsoft.Network/privateEndpoints/write"


def lock(scope: str, level: str = "CanNotDelete", name: str = "keep") -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/locks/{name}",
        "properties": {"level": level},
    }


def locked(*locks: dict[str, Any]) -> Actual:
    return Actual(answers({SUBSCRIPTION: {"value": list(locks)}}, Question.LOCKS))


def judged(
    *units: Unit, actual: Actual = UNLOCKED, told: Circumstances = FREE, **declared: object
) -> Judgement:
    return judge(plan(*units), environment(**declared), actual, told)


def verdict(
    one: Unit, actual: Actual = UNLOCKED, told: Circumstances = FREE, **declared: object
) -> Verdict:
    return judged(one, actual=actual, told=told, **declared).verdicts[one.id]


def short(given: Verdict) -> tuple[OutcomeKind | None, str]:
    return given.kind, given.why


NEEDS = {
    "permission": Requirement(Need.PERMISSION, rid(GROUP), ACTION),
    "exists": Requirement(Need.EXISTS, rid(SUBNET)),
    "succeeded": Requirement(Need.SUCCEEDED, rid(CLUSTER)),
    "extension": Requirement(Need.EXTENSION, rid(CLUSTER)),
    "idle": Requirement(Need.IDLE, rid(COMPUTE)),
    "bare": Requirement(Need.BARE, rid(ENDPOINT)),
}


def extension(state: str, kind: str = "Microsoft.AzureML.Kubernetes") -> dict[str, Any]:
    return {"value": [{"properties": {"extensionType": kind, "provisioningState": state}}]}


def permitted(*actions: str, but: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"value": [{"actions": list(actions), "notActions": list(but)}]}


def hanging(kind: str, *listed: dict[str, Any]) -> dict[Read, Any]:
    """What is said to hang on the endpoint."""
    return {Read(Question.LIST, rid(ENDPOINT), kind): Found({"value": list(listed)}, NOW)}


GOOD: dict[str, dict[Read, Any]] = {
    "permission": answers({GROUP: permitted("Microsoft.Network/*")}, Question.PERMISSIONS),
    "exists": answers({SUBNET: {}}),
    "bare": {
        **hanging("Microsoft.Insights/diagnosticSettings"),
        **hanging(
            "Microsoft.Authorization/roleAssignments",
            {
                "id": f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/x",
                "properties": {"scope": GROUP},
            },
        ),
    },
    "succeeded": answers({CLUSTER: {"properties": {"provisioningState": "Succeeded"}}}),
    "extension": answers({CLUSTER: extension("Succeeded")}, Question.EXTENSIONS),
    "idle": {
        **answers({COMPUTE: {"value": []}}, Question.JOBS),
        **answers(
            {COMPUTE: {"value": [{"properties": {"provisioningState": "Succeeded"}}]}},
            Question.DEPLOYMENTS,
        ),
    },
}


def needing(name: str) -> Unit:
    return destroying(requires=(NEEDS[name],))


def failures(count: int, last: datetime = NOW) -> tuple[Attempt, ...]:
    return tuple(Attempt(last - timedelta(seconds=n), ok=False) for n in range(count))[::-1]


WINDOW = {"start": "22:00", "end": "23:00"}


def endpoints(count: int, **more: Any) -> list[Unit]:  # noqa: ANN401 - any field
    return [destroying(f"u{n:02}", f"{ENDPOINT}-{n}", **more) for n in range(count)]
