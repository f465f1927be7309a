// `data-copy="#id"` copies what that element says; code blocks remember the chosen language.
import { h } from "./dom";

export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const area = h("textarea", { class: "sr", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function toast(text: string): void {
  const note = h("div", { class: "toast", role: "status" }, text);
  (document.querySelector("dialog:modal") ?? document.body).append(note); // a dialog lies above everything else
  setTimeout(() => note.remove(), 2000);
}

export function startCopy(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as HTMLElement).closest<HTMLElement>("[data-copy]");
    if (!button) return;
    const source = button.dataset.copy ? document.querySelector<HTMLElement>(button.dataset.copy) : null;
    const text = source instanceof HTMLInputElement ? source.value : (source?.textContent ?? location.href);
    void copyText(text).then(() => toast(document.documentElement.dataset.copied ?? ""));
  });
  document.addEventListener("click", (event) => {
    const tab = (event.target as HTMLElement).closest<HTMLElement>("[data-lang]");
    if (!tab) return;
    localStorage.setItem("code-language", tab.dataset.lang ?? "");
    showLanguage(tab.closest("[data-code]"));
  });
}

/** Every code card, also one that was drawn anew, in the remembered language. */
export function showLanguages(root: ParentNode): void {
  for (const block of root.querySelectorAll("[data-code]")) showLanguage(block);
}

/** Shows the remembered language's block of a code card. */
function showLanguage(block: Element | null): void {
  const tabs = [...(block?.querySelectorAll<HTMLElement>("[data-lang]") ?? [])];
  const wanted = localStorage.getItem("code-language");
  const chosen = tabs.find((tab) => tab.dataset.lang === wanted)?.dataset.lang ?? tabs[0]?.dataset.lang;
  for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.dataset.lang === chosen));
  for (const part of block?.querySelectorAll<HTMLElement>("[data-lang-block]") ?? []) part.hidden = part.dataset.langBlock !== chosen;
}
