"""A manifest that names no cloud is judged in the one that the app runs in."""

from __future__ import annotations

from pathlib import Path

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
    stage = build(
        tmp_path, change=lambda manifest: manifest.update({"cloud": said} if said else {})
    )
    services = replace(stage.services, settings=replace(stage.services.settings, cloud=here))
    assert services.declared("prod").environment.cloud == judged
