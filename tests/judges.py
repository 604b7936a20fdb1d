"""What a test says when its judge cannot be had; `scripts/judges.py` has the table of all."""

from typing import NoReturn

import pytest

from scripts import judges


def missing(name: str, why: str) -> NoReturn:
    """Fail where `../shared` is present, since a judge that is at hand judges; skip elsewhere, with the reason."""
    judges.absent(name, why)
    if judges.SHARED.is_dir():
        pytest.fail(f"{judges.JUDGES[name]} did not judge: {why}")
    pytest.skip(why)
