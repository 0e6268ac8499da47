// @ts-check
// The button that switches between the light and the dark theme; at first the page follows the system.

import { onLanguage, t } from "./language.js";
import { find } from "./text.js";

export function startTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = find("theme");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const name = () => {
    button.textContent = isDark() ? t("Light theme") : t("Dark theme");
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
  });
  dark.addEventListener("change", name);
  onLanguage(name);
  name();
}
