"""The command that docs/operating.md gives for listening to Relink's own events, by the real CLI."""

import re
import shlex
from pathlib import Path

from tests.az.conftest import PLAN, Cli

PAGE = Path(__file__).parents[2] / "docs/operating.md"
TOPIC = PLAN.id("ml", "Microsoft.EventGrid/topics/evgt-relink")


def documented() -> list[str]:
    """The command's words, with what a reader's shell would put in."""
    text = PAGE.read_text("utf-8").replace("\\\n", " ")
    [command] = re.findall(r"^az (eventgrid event-subscription create .+)$", text, re.MULTILINE)
    filled = re.sub(r"\$\(az storage account show [^)]+\)", PLAN.storage, command)
    return shlex.split(filled.replace("$topic", TOPIC))


def test_the_documented_subscription_to_relinks_events_is_made(az: Cli) -> None:
    made = az(*documented())
    assert made["id"].startswith(TOPIC)
    assert made["provisioningState"] == "Succeeded"
    assert made["eventDeliverySchema"] == "CloudEventSchemaV1_0"
    assert set(made["filter"]["includedEventTypes"]) == {
        "Relink.Blocked",
        "Relink.AwaitingApproval",
        "Relink.RepairFailed",
    }
    destination = made["destination"]
    assert (destination["endpointType"], destination["queueName"]) == (
        "StorageQueue",
        "relink-facts",
    )
    assert destination["resourceId"] == PLAN.storage
