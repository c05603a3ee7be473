"""A page in headless Chromium: opened from its file, drawn to the end, with all that it asked for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium(*arguments: str) -> Iterator[Any]:
    """The system's Chromium, started with further arguments; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is there (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", *arguments])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, address: str = "", **options: Any) -> Iterator[Any]:
    """The file's page when its charts are drawn; `asked` lists requests, `complaints` errors."""
    context = browser.new_context(**({"viewport": {"width": 1400, "height": 900}} | options))
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{path.as_uri()}{address}")
    if options.get("java_script_enabled", True):
        drawn(page)
    yield page
    context.close()


def drawn(page: Any) -> None:
    """Wait until all charts are drawn."""
    page.wait_for_selector("html[data-state=ready]", timeout=60_000)
