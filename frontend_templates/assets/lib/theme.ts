// system, light or dark, kept in a cookie so that the server's next first paint is right. The button takes the one that is not seen.

const THEMES = ["system", "light", "dark"];

/** The one of light and dark that the page does not show. */
function other(): string {
  const theme = document.documentElement.dataset.theme;
  const dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  return dark ? "light" : "dark";
}

/** The theme button is a form that works alone; with script it changes at once and tells the server behind. */
export function startTheme(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.matches("form[data-theme-form]")) return;
    event.preventDefault();
    setTheme(other());
  });
}

/** Shows the theme now and remembers it, as the form of the top bar would. */
export function setTheme(chosen: string): void {
  const form = document.querySelector<HTMLFormElement>("form[data-theme-form]");
  if (!form || !THEMES.includes(chosen)) return;
  document.documentElement.dataset.theme = chosen;
  const body = new FormData(form);
  body.set("theme", chosen);
  const wish = document.querySelector<HTMLSelectElement>("select#theme");
  if (wish) wish.value = chosen;
  for (const mark of form.querySelectorAll<HTMLElement>("[data-for-theme]")) mark.hidden = mark.dataset.forTheme !== chosen;
  void fetch(form.action, { method: "POST", body, redirect: "manual" });
  document.dispatchEvent(new CustomEvent("slipway:theme"));
}

/** The colour a token has right now, as the canvas understands it. */
export function token(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
