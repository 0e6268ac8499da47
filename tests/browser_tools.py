"""Chromium for tests, in their words."""

import json
from pathlib import Path

import numpy as np

from benchmarks.chromium import start

SHOWN = """
const cells = [...document.querySelectorAll("#heat tbody tr")].map((row) =>
  [...row.querySelectorAll("td")].map((cell) => Number(cell.textContent)));
return [document.getElementById("own").textContent, cells];
"""
TYPE = """
const field = document.getElementById("text");
field.value = text;
field.dispatchEvent(new Event("input"));
"""


class Browser:
    """A new Chromium, in the words of the tests. profile: a new folder for its files."""

    def __init__(self, profile: Path):
        logs = {"goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.driver = start(profile, capabilities=logs)
        self.driver.set_script_timeout(120)
        self.cdp = self.driver.execute_cdp_cmd

    def quit(self) -> None:
        self.driver.quit()

    def open(self, path: Path, width: int = 900, **media) -> None:
        self.resize(width)
        self.prefer(**media)
        self.load(path.as_uri())

    def load(self, url: str) -> None:
        self.driver.get(url)

    def resize(self, width: int) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, **media) -> None:
        """What the reader prefers, as media features; no motion unless they say so, for it takes most of the time."""
        media = {"prefers_reduced_motion": "reduce"} | media
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.cdp("Emulation.setEmulatedMedia", {"features": features})

    def read_in(self, languages: str | None = None) -> None:
        """The languages that the reader prefers, of the pages that are opened from now on; without, English."""
        agent = {"userAgent": self.get("navigator.userAgent"), "acceptLanguage": languages or "en-US,en"}
        self.cdp("Emulation.setUserAgentOverride", agent)

    def run(self, script: str, *arguments):
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments):
        """What it hands to its last argument, a function."""
        return self.driver.execute_async_script(script, *arguments)

    def get(self, expression: str):
        return self.run(f"return {expression}")

    def all(self, selector: str, expression: str) -> list:
        """The expression for each ``e`` that the selector finds."""
        return self.get(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => {expression})")

    def type(self, text: str) -> None:
        self.run(f"const text = arguments[0]; {TYPE}", text)

    def wait(self, condition: str) -> None:
        """Until it holds, at most 10 seconds."""
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self, 10, 0.05).until(lambda _: self.get(condition), condition)

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains, Keys

        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(getattr(Keys, key, key)).perform()

    def centre(self, selector: str) -> tuple[int, int]:
        """The middle of the first element that the selector finds, which is scrolled into view."""
        x, y = self.run(
            "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center'});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]",
            selector,
        )
        return round(x), round(y)

    def mouse(self, selector: str, *kinds: str) -> None:
        x, y = self.centre(selector)
        for kind in kinds or ("mouseMoved",):
            self.cdp("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})

    def touch(self, *selectors: str) -> None:
        """A finger on the first, which slides to the others and is lifted."""
        for kind, selector in zip(("touchStart", *["touchMove"] * len(selectors)), selectors, strict=False):
            x, y = self.centre(selector)
            self.cdp("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        self.cdp("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def weights(self) -> np.ndarray:
        return np.array(self.run(SHOWN)[1])

    def shades(self, side: str) -> np.ndarray:
        """How strongly each character of the row is shaded, 0..1."""
        return np.array(self.all(f"#row-{side} button", 'Number(e.style.getPropertyValue("--w"))'))

    def accessible(self) -> list[tuple[str, str | None]]:
        """Role and name of all that a screen reader finds, in its order."""
        nodes = self.cdp("Accessibility.getFullAXTree", {})["nodes"]
        return [(n["role"]["value"], n.get("name", {}).get("value")) for n in nodes if not n["ignored"]]

    def drain(self) -> tuple[list, list]:
        """What was written to the console, and what was asked for, since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        asked = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        urls = [request["request"]["url"] for request in asked if not request["documentURL"].startswith("chrome:")]
        urls += [m["params"]["url"] for m in messages if m["method"] == "Network.webSocketCreated"]
        return self.driver.get_log("browser"), urls
