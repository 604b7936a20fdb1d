"""Owns one sample of indexing: run as a process, it indexes the app once and prints what it cost.

The clock starts when the worker library has been imported and ends when the functions are known:
what a Functions host waits for between "worker started" and "functions indexed".
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

_SDKS = ("azure.mgmt", "azure.ai", "azure.identity", "azure.monitor", "msal")


def main() -> None:
    """Index, measure, print one line of JSON."""
    from devhost.settings import read_settings  # noqa: PLC0415 - part of the worker, not of the app
    from devhost.worker import Worker  # noqa: PLC0415 - the same

    app = Path(__file__).resolve().parents[1]
    settings = read_settings(app, os.environ)
    before, began, worked = _resident(), time.perf_counter(), time.process_time()
    worker = asyncio.run(Worker.load(app, settings))
    sample = {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - worked,
        "grown": _resident() - before,
        "peak": _peak(),
        "functions": len(worker.functions),
        "sdks": [name for name in sorted(sys.modules) if name.startswith(_SDKS)],
    }
    assert sample["functions"], "nothing was indexed"
    sys.stdout.write(json.dumps(sample) + "\n")


def _resident() -> float:
    """The resident set in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _peak() -> float:
    """The most it ever was, in MB; getrusage would tell of the parent's as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
