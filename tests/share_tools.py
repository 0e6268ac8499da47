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
# opens a link to another view than the one that is there
OPEN = """
const rested = async () => {
  do await new Promise((resolve) => setTimeout(resolve, 5));
  while (document.getElementById("view").getAttribute("aria-busy") === "true");
};
const open = async (fragment) => {
  const heard = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
  location.hash = fragment;
  await heard;
  await rested();
};
"""
# what the page notes of each fragment
OPEN_EACH = f"""
{OPEN}
return (async () => {{
  const notes = [];
  for (const fragment of arguments[0]) {{
    await open(fragment);
    notes.push(document.getElementById("link-note").textContent);
  }}
  return notes;
}})();
"""


def click_share(browser) -> str:
    """The address of the page after a click on the button."""
    browser.run("document.getElementById('link-note').textContent = ''; document.getElementById('share').click()")
    browser.wait(f"{NOTE} !== ''")
    return browser.get("location.href")


class Address(str):
    """What ``Browser.open`` takes in place of a path."""

    def as_uri(self) -> str:
        return str(self)


def open_anew(browser, url: str) -> None:
    """Open the address in a page that has shown nothing else."""
    browser.open(Address("data:,"))
    browser.open(Address(url))
