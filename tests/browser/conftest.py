"""JupyterLab and Chromium for the browser tests. Any error that a page throws fails the test it happened in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from tests.browser.labserver import FLAGS, HOW_TO_GET, ROOT, find_chromium, jupyterlab


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict, playwright: Playwright) -> dict:
    """Use the Chromium that is there. None: a failure where CI is set, elsewhere a skip that says how to get it."""
    path = find_chromium(playwright)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW_TO_GET)
    return {**browser_type_launch_args, "executable_path": path, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    return {**browser_context_args, "viewport": {"width": 1400, "height": 1000}}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on a copy of the notebooks, so that no test writes into the repository; what they read lies beside."""
    root = tmp_path_factory.mktemp("course")
    (root / "notebooks").mkdir()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, root / "notebooks")
    for folder in ("data", "docs", "benchmarks"):
        (root / folder).symlink_to(ROOT / folder, target_is_directory=True)
    with jupyterlab(root) as address:
        yield address


@pytest.fixture
def shots() -> Path:
    """Where screenshots go: not part of the repository."""
    folder = ROOT / "reports" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def page_errors(page: Any) -> Iterator[None]:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert not errors, f"the page threw: {errors}"
