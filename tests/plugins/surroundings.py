"""What every test run needs around it: compiled translations, and tests with outside programs that run where they must.

With JIEXU_REQUIRE_BROWSER set, a test that is skipped for want of a browser or of pdfsig counts as failed.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

WITH_PROGRAMS = ("tests/browser/", "tests/documents/test_pdfsig.py")
hypothesis.settings.register_profile("jiexu", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("jiexu")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the catalogues once, before workers read them."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        from config import catalogues

        catalogues.compile_all()


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
