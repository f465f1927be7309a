// <cmd-palette data-search>: go, act, search. A combobox over one list of options: the field keeps the focus, arrows move the choice,
// Enter takes it. The commands stand in the page as JSON; what has a name is found by the server. While an input method composes,
// nothing is searched and no key is taken.
import "../css/palette.css";
import { h, icon, say, wordsOf } from "../lib/dom";
import { fetchJson } from "../lib/http";
import { setTheme } from "../lib/theme";

interface Command {
  group: string;
  name: string;
  url: string;
  icon: string;
  keys: string;
  also: string; // the name in English, and other words for it
}
interface Found {
  groups: { title: string; rows: { name: string; note: string; url: string }[] }[];
}

const PAUSE = 150; // milliseconds after the last letter before the server is asked
const SHORT = 9; // commands shown of a group as long as nothing is typed

class CmdPalette extends HTMLElement {
  #words = wordsOf(this);
  #commands: Command[] = JSON.parse(this.querySelector("[data-commands]")?.textContent ?? "[]") as Command[];
  #list = h("div", { class: "palette-list", role: "listbox", id: "palette-list", "aria-label": this.#words("results") });
  #field = h("input", {
    class: "palette-field",
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-expanded": "true",
    "aria-controls": "palette-list",
    "aria-autocomplete": "list",
    "aria-label": this.#words("label"),
    placeholder: this.#words("label"),
    maxlength: 100,
  });
  #asked = new AbortController();
  #timer = 0;
  #at = 0;
  #watch = new MutationObserver(() => this.#dialog?.open && this.#begin());

  get #dialog(): HTMLDialogElement | null {
    return this.closest("dialog");
  }

  connectedCallback(): void {
    const hints = (["move", "take", "leave"] as const).map((word, i) =>
      h("span", {}, h("kbd", { class: "kbd" }, ["↑↓", "↵", "Esc"][i] ?? ""), ` ${this.#words(word)}`),
    );
    this.replaceChildren(h("div", { class: "palette-head" }, icon("search"), this.#field), this.#list, h("div", { class: "palette-foot" }, ...hints));
    this.#field.addEventListener("input", (event) => !(event as InputEvent).isComposing && this.#typed());
    this.#field.addEventListener("compositionend", () => this.#typed());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    this.#list.addEventListener("pointermove", (event) => this.#hover(event));
    this.#list.addEventListener("click", (event) => this.#click(event));
    if (this.#dialog) this.#watch.observe(this.#dialog, { attributeFilter: ["open"] });
    if (this.#dialog?.open) this.#begin();
  }

  disconnectedCallback(): void {
    this.#watch.disconnect();
    this.#asked.abort();
    window.clearTimeout(this.#timer);
  }

  #begin(): void {
    this.#field.value = "";
    this.#draw(this.#matching(""));
    this.#field.focus();
  }

  #typed(): void {
    const q = this.#field.value.trim();
    this.#asked.abort();
    window.clearTimeout(this.#timer);
    this.#draw(this.#matching(q));
    if (q) this.#timer = window.setTimeout(() => void this.#search(q), PAUSE);
  }

  #matching(q: string): HTMLElement[] {
    const parts = q.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = this.#commands.filter((one) => parts.every((part) => `${one.name} ${one.also}`.toLowerCase().includes(part)));
    const groups = new Map<string, Command[]>();
    for (const one of fits) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
    return [...groups].map(([title, rows]) => this.#group(title, (q ? rows : rows.slice(0, SHORT)).map((one) => this.#option(one))));
  }

  async #search(q: string): Promise<void> {
    this.#asked = new AbortController();
    try {
      const found = await fetchJson<Found>(`${this.dataset.search}?q=${encodeURIComponent(q)}`, { signal: this.#asked.signal });
      const groups = found.groups.map(({ title, rows }) =>
        this.#group(
          title,
          rows.map((row) => this.#option({ ...row, group: title, icon: "", keys: row.note, also: "" })),
        ),
      );
      this.#draw([...this.#matching(q), ...groups], this.#at);
      const count = this.#options().length;
      say(count ? this.#words("count", { n: count }) : this.#words("none"));
    } catch (error) {
      if ((error as Error).name !== "AbortError") say(this.#words("none"));
    }
  }

  #group(title: string, options: HTMLElement[]): HTMLElement {
    const head = h("div", { class: "palette-title", role: "presentation" }, title);
    return h("div", { role: "group", "aria-label": title }, head, ...options);
  }

  #option(one: Command): HTMLElement {
    const end = one.keys ? h("span", { class: "end" }, one.group === this.#words("go") ? keycaps(one.keys) : one.keys) : null;
    return h("div", { class: "palette-option", role: "option", "data-url": one.url }, one.icon ? icon(one.icon) : null, h("span", { class: "name" }, one.name), end);
  }

  #options(): HTMLElement[] {
    return [...this.#list.querySelectorAll<HTMLElement>("[role=option]")];
  }

  #draw(groups: HTMLElement[], at = 0): void {
    const none = h("div", { class: "palette-none", role: "option", "aria-disabled": "true" }, this.#words("none"));
    this.#list.replaceChildren(...(groups.length ? groups : [none]));
    this.#options().forEach((option, i) => (option.id = `palette-${i}`));
    this.#choose(at);
  }

  #choose(at: number): void {
    const options = this.#options();
    this.#at = options.length ? (at + options.length) % options.length : 0;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.#at)));
    this.#field.setAttribute("aria-activedescendant", options[this.#at]?.id ?? "");
    options[this.#at]?.scrollIntoView({ block: "nearest" });
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === 229) return;
    const to = { ArrowDown: this.#at + 1, ArrowUp: this.#at - 1, PageDown: this.#at + 8, PageUp: this.#at - 8 }[event.key];
    if (to !== undefined) this.#choose(event.key.startsWith("Page") ? Math.min(Math.max(to, 0), this.#options().length - 1) : to);
    else if (event.key === "Enter") this.#take(this.#options()[this.#at], event.ctrlKey || event.metaKey);
    else return;
    event.preventDefault();
  }

  #hover(event: PointerEvent): void {
    const option = (event.target as HTMLElement).closest<HTMLElement>("[role=option]");
    if (option && (event.movementX || event.movementY)) this.#choose(this.#options().indexOf(option));
  }

  #click(event: MouseEvent): void {
    this.#take((event.target as HTMLElement).closest<HTMLElement>("[role=option]"), event.ctrlKey || event.metaKey);
  }

  #take(option: HTMLElement | null | undefined, aside: boolean): void {
    const url = option?.dataset.url ?? "";
    if (!url) return;
    this.#dialog?.close();
    const [act, value = ""] = url.split(":");
    if (act === "theme") setTheme(value);
    else if (act === "language") document.querySelector<HTMLButtonElement>(`#language-menu button[value="${CSS.escape(value)}"]`)?.click();
    else if (act === "keys") document.querySelector<HTMLDialogElement>("#keys")?.showModal();
    else if (aside) window.open(url, "_blank", "noopener");
    else location.assign(url);
  }
}

function keycaps(keys: string): DocumentFragment {
  const out = document.createDocumentFragment();
  for (const key of keys.split(" ")) out.append(h("kbd", { class: "kbd" }, key), " ");
  return out;
}

customElements.define("cmd-palette", CmdPalette);
