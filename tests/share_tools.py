"""What the tests of links share: all that is seen of a page, and the copying and opening of links."""

# each element with its attributes and texts; not what depends on the way there: the time, the focus
SEEN = """
const all = [...document.querySelector("main").querySelectorAll("*")];
return all.filter((e) => !["time", "said"].includes(e.id)).map((e) => {
  const names = e.getAttributeNames().filter((name) => !["class", "tabindex"].includes(name)).sort();
  const attributes = names.map((name) => `${name}=${e.getAttribute(name)}`);
  const texts = [...e.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim());
  return [e.localName, [...e.classList].sort().join("."), ...attributes, ...texts, e.value, e.checked].join(" ");
});
"""
NOTE = "document.getElementById('link-note').textContent"
# what the page notes of each fragment
OPEN_EACH = """
return (async () => {
  const notes = [];
  for (const fragment of arguments[0]) {
    location.hash = fragment;
    do await new Promise((resolve) => setTimeout(resolve, 5));
    while (document.getElementById("view").ariaBusy === "true");
    notes.push(document.getElementById("link-note").textContent);
  }
  return notes;
})();
"""


def click_share(browser) -> str:
    """The address of the page after a click on the button."""
    browser.run("document.getElementById('link-note').textContent = ''; document.getElementById('share').click()")
    browser.wait(f"{NOTE} !== ''")
    return browser.get("location.href")


def open_anew(browser, url: str) -> None:
    """Open the address in a page that has shown nothing else."""
    browser.driver.get("data:,")
    browser.driver.get(url)
