// The choosers of language and theme.
import { loadLanguage } from "./i18n.js";
import { keepText, keptText } from "./kept.js";

/** Lets the user choose; `again` draws the view in the new language. */
export function startChoosers(again) {
  const root = document.documentElement;
  const language = document.getElementById("language");
  language.value = root.lang;
  language.addEventListener("change", async () => {
    keepText("language", language.value);
    await loadLanguage(language.value);
    again();
  });
  const theme = document.getElementById("theme");
  theme.value = keptText("theme") ?? "system";
  theme.addEventListener("change", () => {
    keepText("theme", theme.value);
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });
}
