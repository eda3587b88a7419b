"""What every test run needs around it: compiled translations, and tests with outside programs that run where they must.

Where processes share the tests, each begins with some of the long ones. With JIEXU_REQUIRE_BROWSER set, a test that is
skipped for want of a browser or of pdfsig counts as failed.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from itertools import islice
from pathlib import Path

import hypothesis
import pytest

# A browser, a whole stack, processes of their own, or a walk of many steps: the single tests that take longest.
LONG = (
    *("tests/browser/", "tests/config/test_supervisor.py", "tests/demo/", "tests/faults/"),
    *("tests/concurrency/test_sweepers.py", "tests/properties/"),
)
WITH_PROGRAMS = ("tests/browser/", "tests/documents/test_pdfsig.py")
hypothesis.settings.register_profile("jiexu", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("jiexu")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the catalogues once, before workers read them."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        from config import catalogues

        catalogues.compile_all()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deal the long tests among the processes, to come first: one that began last would be waited for alone.

    `--dist worksteal` gives each process a run of the list of the same length, and later the end of another's.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers == 1:
        return
    long = [item for item in items if any(part in item.path.as_posix() for part in LONG)]
    dealt = set(long)
    rest = iter([item for item in items if item not in dealt])
    share, order = len(items) // workers, []
    for worker in range(workers):
        mine = long[worker::workers]
        order += [*mine, *islice(rest, max(share - len(mine), 0))]
    items[:] = [*order, *rest]


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()


def must_run(path: Path) -> bool:
    """Tell whether a skip of this test is a failure."""
    return bool(os.environ.get("JIEXU_REQUIRE_BROWSER")) and any(one in path.as_posix() for one in WITH_PROGRAMS)


def refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that tells the reason."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{reason}: this test may not be skipped here, because JIEXU_REQUIRE_BROWSER is set."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and must_run(item.path):
        refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and must_run(collector.path):
        refuse(report)
    return report
