"""azure-ai-ml warns of its own future wherever it is imported or used; only its words are let pass."""

import pytest

_THEIRS = (
    "ignore::marshmallow.warnings.ChangedInMarshmallow4Warning",
    "ignore::marshmallow.warnings.RemovedInMarshmallow4Warning",
    "ignore:datetime.datetime.utc:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/e2e/"):
            for line in _THEIRS:
                item.add_marker(pytest.mark.filterwarnings(line))
