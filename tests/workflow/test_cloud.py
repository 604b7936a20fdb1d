"""A manifest that names no cloud is judged in the one that the app runs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.settings import Cloud
from tests.e2e.stage import build


@pytest.mark.parametrize(
    ("said", "here", "judged"),
    [(None, Cloud.USGOV, "usgov"), ("china", Cloud.USGOV, "china"), (None, Cloud.PUBLIC, "public")],
)
def test_the_cloud_is_the_manifests_or_the_apps(
    said: str | None, here: Cloud, judged: str, tmp_path: Path
) -> None:
    def say(manifest: dict[str, Any]) -> None:
        manifest.update({"cloud": said} if said else {})

    stage = build(tmp_path, change=say, environ={"RELINK_CLOUD": here.value})
    assert stage.environment.cloud == judged
