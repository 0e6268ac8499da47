"""Chromium, driven by selenium: for the benchmark of the pages, and for their tests."""

import shutil
from pathlib import Path
from typing import Any

FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "hide-scrollbars",
)


def start(profile: Path, *flags: str, capabilities: dict[str, Any] | None = None):
    """Return selenium's driver of a new browser. profile: a folder for its files.

    Raises ImportError without selenium, FileNotFoundError without the browser or its driver.
    """
    from selenium import webdriver

    paths = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if missing := [name for name, path in paths.items() if path is None]:
        raise FileNotFoundError(f"no {' and no '.join(missing)} here; Debian has them as chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = paths["chromium"] or ""
    for flag in (*FLAGS, f"user-data-dir={profile}", *flags):
        options.add_argument(f"--{flag}")
    for name, value in (capabilities or {}).items():
        options.set_capability(name, value)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(paths["chromedriver"]))
