// Before anything is painted: the theme and the language, so that neither changes under the eyes.
(() => {
  const root = document.documentElement;
  const kept = (name) => { try { return localStorage.getItem(`linkrelay.${name}`); } catch { return null; } };
  const theme = kept("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const wanted = [kept("language"), ...(navigator.languages ?? [])].filter(Boolean);
  const known = wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "en" || tag === "ko");
  root.lang = known ?? "en";
})();
