"""Firefox for tests, in the words of ``Browser``: by WebDriver BiDi, which Firefox speaks without a driver."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

from browser_tools import Browser

PREFERENCES = {"ui.useOverlayScrollbars": 1}  # the page is as wide as without them, like Chromium's here
# system access: to set what the reader prefers, and to hear what a screen reader hears
FLAGS = "--headless --no-remote --remote-debugging-port 0 --remote-allow-system-access --profile".split()
EVENTS = ["log.entryAdded", "network.beforeRequestSent", "browsingContext.navigationStarted"]
CALL = """async (given) => {
  const script = function () { SCRIPT };
  return JSON.stringify((await script.apply(null, JSON.parse(given))) ?? null);
}"""
CALL_ASYNC = """(given) => new Promise((done) => {
  const script = function () { SCRIPT };
  script.call(null, ...JSON.parse(given), (result) => done(JSON.stringify(result ?? null)));
})"""
PREFER = """(media) => {
  const page = gBrowser.selectedBrowser.browsingContext;
  const { prefers_color_scheme, prefers_reduced_motion, forced_colors } = JSON.parse(media);
  page.prefersColorSchemeOverride = prefers_color_scheme ?? "none";
  page.forcedColorsOverride = forced_colors ?? "none";
  Services.prefs.setIntPref("ui.prefersReducedMotion", Number(prefers_reduced_motion === "reduce"));
  return "null";
}"""
READ_IN = """(languages) => {
  Services.prefs.setStringPref("intl.accept_languages", JSON.parse(languages));
  return "null";
}"""

# a cell's name is what it holds, which Firefox leaves to the screen reader
ACCESSIBLE = """async () => {
  const service = Cc["@mozilla.org/accessibilityService;1"].getService(Ci.nsIAccessibilityService);
  const children = (node) => Array.from({ length: node.childCount }, (_, n) => node.getChildAt(n));
  const text = (node) => (node.childCount ? children(node).map(text).join("") : node.name);
  const nameOf = (node, role) => node.name ?? (/cell|header/.test(role) ? text(node) : null);
  const walk = (node) => [
    [node.computedARIARole, nameOf(node, node.computedARIARole)],
    ...children(node).flatMap(walk),
  ];
  const page = gBrowser.selectedBrowser;
  for (let before = ""; ; ) {
    // the page's own process tells of its changes in its own time
    await new Promise((done) => setTimeout(done, 100));
    const root = service.getAccessibleFor(page)?.firstChild;
    if (!root || root.QueryInterface(Ci.nsIAccessibleDocument).URL !== page.currentURI.spec) continue;
    const now = JSON.stringify(walk(root));
    if (now === before) return now;
    before = now;
  }
}"""


class Connection:
    """A Firefox without a window, and the line to it. profile: a new folder for its files.

    Raises FileNotFoundError without Firefox, RuntimeError where it does not start.
    """

    def __init__(self, profile: Path):
        from websocket import create_connection

        found = shutil.which("firefox")
        if found is None:
            raise FileNotFoundError("no firefox here; Debian has it as firefox-esr")
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("".join(lines), encoding="utf-8")
        errors = profile / "errors.txt"
        with errors.open("w") as file:
            self.process = subprocess.Popen([found, *FLAGS, profile], stdout=subprocess.DEVNULL, stderr=file)
        self.socket = create_connection(f"{self.address(errors)}/session", suppress_origin=True, timeout=120)
        self.count, self.events = 0, []

    def address(self, errors: Path) -> str:
        """Where it listens, which it says when it does."""
        said = ""
        for _ in range(1200):
            said = errors.read_text(encoding="utf-8", errors="replace")
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)\n", said):
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError(f"Firefox did not start (exit status {self.process.wait()}): {said}")

    def __call__(self, method: str, **params) -> dict:
        """The result of a command; what happened meanwhile is added to ``events``."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message["type"] == "event":
                self.events.append(message)
            elif message["type"] == "error":
                raise RuntimeError(f"{method}: {message['error']}: {message['message']}")
            else:
                return message["result"]


class Firefox(Browser):
    """Firefox, in the words of the tests."""

    def __init__(self, profile: Path):
        self.call = Connection(profile)
        self.version = self.call("session.new", capabilities={})["capabilities"]["browserVersion"]
        self.context = self.call("browsingContext.getTree")["contexts"][0]["context"]
        self.window = self.call("browsingContext.getTree", **{"moz:scope": "chrome"})["contexts"][0]["context"]
        # not the address, where a new window has it
        self.call_function("() => { gBrowser.selectedBrowser.focus(); return 'null'; }", None, self.window)
        self.call("session.subscribe", events=EVENTS)

    def quit(self) -> None:
        self.call("browser.close")
        self.call.socket.close()
        self.call.process.wait(60)

    def load(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def resize(self, width: int) -> None:
        size = {"width": width, "height": 900}
        self.call("browsingContext.setViewport", context=self.context, viewport=size, devicePixelRatio=1)

    def prefer(self, **media) -> None:
        media = {"prefers_reduced_motion": "reduce"} | media
        self.call_function(PREFER, media, context=self.window)
        for name, value in media.items():  # the page's own process hears of it later
            self.wait(f'matchMedia("({name.replace("_", "-")}: {value})").matches')

    def read_in(self, languages: str | None = None) -> None:
        languages = languages or "en-US,en"
        self.call_function(READ_IN, languages, context=self.window)
        self.wait(f"navigator.language === {json.dumps(languages.split(',')[0])}")

    def run(self, script: str, *arguments):
        return self.call_function(CALL.replace("SCRIPT", script), arguments)

    def run_async(self, script: str, *arguments):
        return self.call_function(CALL_ASYNC.replace("SCRIPT", script), arguments)

    def call_function(self, function: str, given, context: str | None = None):
        """The result of a function that takes JSON and returns JSON."""
        done = self.call(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": json.dumps(given)}],
            target={"context": context or self.context},
            awaitPromise=True,
        )
        if done["type"] == "exception":
            raise RuntimeError(done["exceptionDetails"]["text"])
        return json.loads(done["result"]["value"])

    def act(self, actions: list, **source) -> None:
        self.call("input.performActions", context=self.context, actions=[source | {"actions": actions}])

    def press(self, *keys: str) -> None:
        from selenium.webdriver import Keys

        strokes = [char for key in keys for char in getattr(Keys, key, key)]
        actions = [{"type": kind, "value": char} for char in strokes for kind in ("keyDown", "keyUp")]
        self.act(actions, type="key", id="keys")

    def point(self, device: str, *kinds: str, at: str | None = None) -> None:
        """Move mouse or touch to the middle of what the selector finds, and do there what the kinds say."""
        x, y = self.centre(at) if at else (0, 0)
        moved = [{"type": "pointerMove", "x": x, "y": y}] if at else []
        actions = [{"type": kind, "button": 0} for kind in kinds]
        self.act(moved + actions, type="pointer", id=device, parameters={"pointerType": device})

    def mouse(self, selector: str, *kinds: str) -> None:
        names = {"mousePressed": "pointerDown", "mouseReleased": "pointerUp"}
        self.point("mouse", *(names[kind] for kind in kinds if kind in names), at=selector)

    def touch(self, *selectors: str) -> None:
        first, *others = selectors
        self.point("touch", "pointerDown", at=first)
        for selector in others:
            self.point("touch", at=selector)
        self.point("touch", "pointerUp")

    def accessible(self) -> list[tuple[str, str | None]]:
        return [(role, name) for role, name in self.call_function(ACCESSIBLE, None, self.window)]

    def drain(self) -> tuple[list, list]:
        self.get("1")  # what comes before its answer has happened by now
        events, self.call.events = self.call.events, []
        console = [{"message": e["params"]["text"]} for e in events if e["method"] == "log.entryAdded"]
        asked = [e["params"] for e in events if e["method"] != "log.entryAdded"]
        urls = [params["request"]["url"] if "request" in params else params["url"] for params in asked]
        return console, [url for url in urls if not url.startswith(("data:font", "about:blank"))]
