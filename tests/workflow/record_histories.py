"""Record histories of the present orchestrators: ``python -m tests.workflow.record_histories``.

Once per released version; what is recorded is never recorded anew, as runs of it may be under way.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from shared.workflow.orchestrators import VERSION
from tests.workflow.hub import run_on_hub, written
from tests.workflow.test_orchestrators import Answer, Script, refused, retry, skeleton, waiting

FOLDER = Path(__file__).parent / "histories"
DONE = {"kind": "Done", "changes": [], "note": ""}
type Case = tuple[list[dict[str, Any]], dict[str, list[Answer]]]

CASES: dict[str, Case] = {
    "in-sync": ([{}], {}),
    "repair": (
        [
            {
                "a": skeleton(exclusive=("subnet",), steps=2),
                "b": skeleton(exclusive=("subnet",)),
                "c": skeleton("a"),
                "d": skeleton(),
            },
            {"e": skeleton()},
            {},
        ],
        {"a": [waiting(1), DONE, retry(1), DONE], "d": [RuntimeError("broken")], "e": [refused()]},
    ),
}


def histories(case: Case) -> dict[str, list[Any]]:
    """The histories of a case, run now."""
    plans, steps = case
    script = Script(plans, {name: list(answers) for name, answers in steps.items()})
    trigger = {"id": "run-1", "environment": "prod"}
    with tempfile.TemporaryDirectory() as folder:
        found = run_on_hub(Path(folder), script, trigger)
    return {name: without_traces(written(events)) for name, events in found.items()}


def without_traces(told: Any) -> Any:  # noqa: ANN401 - JSON
    """The same without stack traces: they name paths of this machine, and no replay reads them."""
    match told:
        case dict():
            return {k: without_traces(v) for k, v in told.items() if k != "stackTrace"}
        case list():
            return [without_traces(each) for each in told]
        case _:
            return told


if __name__ == "__main__":
    for name, case in CASES.items():
        path = FOLDER / f"v{VERSION}-{name}.json"
        if path.exists():
            raise SystemExit(
                f"{path.name} is recorded already; a changed order needs a new VERSION"
            )
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(histories(case), indent=1, sort_keys=True) + "\n")
