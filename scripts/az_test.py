"""Runs the tests that drive the simulated Azure with the real Azure CLI.

    python scripts/az_test.py [PYTEST ARGUMENT...]

The CLI is installed once from PyPI into an environment of its own, build/az: it pins what the project does not.
AZ names another one. Not part of `make test`: installing takes minutes, the tests a few more.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = "2.91.0"
HOME = ROOT / "build" / "az"
INSTALL_SECONDS = 900


def main() -> int:
    """Install what is missing, then run the tests."""
    az = Path(os.environ.get("AZ") or HOME / "bin" / "az")
    if not az.exists():
        install()
    command = [
        sys.executable,
        "-m",
        "pytest",
        *(sys.argv[1:] or ["tests/az"]),
        "-q",
        "--durations=5",
    ]
    environ = {**os.environ, "RELINK_AZ": str(az)}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


def install() -> None:
    """Build the environment of the CLI with uv, which comes from the requirements."""
    print(f"installing azure-cli {VERSION} into {HOME.relative_to(ROOT)}, once", flush=True)
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(HOME)], check=True)
    subprocess.run(
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--python",
            str(HOME),
            f"azure-cli=={VERSION}",
        ],
        check=True,
        timeout=INSTALL_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main())
