"""What it was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from django.db import connection

PACKAGES = (
    "django",
    "django-fsm-2",
    "django-fsm-log",
    "psycopg",
    "djangorestframework",
    "django-ninja",
    "granian",
    "holidays",
    "chinesecalendar",
    "numpy",
)


def machine() -> dict[str, Any]:
    """Processor, cores that we may use, memory, system, and how busy the machine was when asked."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Python and the packages that take part."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def server() -> dict[str, str]:
    """The database server and the settings that decide what a commit costs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name IN ('server_version', 'fsync', "
            "'synchronous_commit', 'full_page_writes', 'shared_buffers', 'wal_sync_method')"
        )
        return dict(cursor.fetchall())


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
