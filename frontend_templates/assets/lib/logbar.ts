// The bar above a log: follow, errors, search, level, time, wrap, download.
import { h, icon, type wordsOf } from "./dom";

export type Stamp = "clock" | "elapsed" | "none";

export interface BarHooks {
  follow(): void;
  search(text: string): void;
  errors(): void;
  step(by: 1 | -1): void;
  level(level: string): void;
  stamp(stamp: Stamp): void;
  wrap(on: boolean): void;
}

export class LogBar {
  readonly element: HTMLElement;
  readonly found = h("span", { class: "meta found", role: "status" });
  readonly follow: HTMLButtonElement;
  readonly errors: HTMLButtonElement;
  #stamp: Stamp = "clock";

  constructor(
    private readonly words: ReturnType<typeof wordsOf>,
    private readonly hooks: BarHooks,
    options: { download: string; wrapped: boolean; ended: boolean },
  ) {
    this.follow = h("button", { class: "btn sm", type: "button", hidden: options.ended, onclick: () => hooks.follow() }, icon("arrow-down"), words("following"));
    this.errors = h("button", { class: "badge bad", type: "button", hidden: true, onclick: () => hooks.errors() });
    const download = h("a", { class: "btn sm quiet", href: options.download, download: true, "aria-label": words("download") }, icon("download"), this.#word("download"));
    const end = h("span", { class: "end" }, this.found, this.#search(), this.#levels(), this.#times(), this.#wrap(options.wrapped), download);
    this.element = h("div", { class: "bar" }, h("h2", {}, words("log")), this.follow, this.errors, end);
  }

  #word(key: string): HTMLElement {
    return h("span", { class: "label" }, this.words(key));
  }

  #search(): HTMLElement {
    const { words, hooks } = this;
    const find = h("input", { class: "input sm", type: "search", placeholder: words("find"), "aria-label": words("find") });
    find.addEventListener("change", () => hooks.search(find.value));
    find.addEventListener("search", () => !find.value && hooks.search(""));
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) hooks.step(event.shiftKey ? -1 : 1);
    });
    const turn = (word: string, by: 1 | -1, mark: SVGSVGElement): HTMLElement =>
      h("button", { class: "btn sm ico", type: "button", "aria-label": words(word), onclick: () => hooks.step(by) }, mark);
    return h("span", { class: "finder" }, find, turn("previous", -1, icon("chevron-up")), turn("next", 1, icon("chevron-down")));
  }

  #levels(): HTMLSelectElement {
    const select = h("select", { class: "input sm auto", "aria-label": this.words("level") });
    for (const level of ["", "info", "warning", "error"]) select.append(h("option", { value: level }, this.words(`level_${level || "all"}`)));
    select.addEventListener("change", () => this.hooks.level(select.value));
    return select;
  }

  #times(): HTMLElement {
    const seg = h("span", { class: "seg", role: "group", "aria-label": this.words("time") });
    const kinds = ["clock", "elapsed"] as const;
    const mark = (): void => kinds.forEach((kind, at) => seg.children[at]?.setAttribute("aria-pressed", String(kind === this.#stamp)));
    for (const kind of kinds) {
      const choose = (): void => {
        this.#stamp = this.#stamp === kind ? "none" : kind;
        mark();
        this.hooks.stamp(this.#stamp);
      };
      seg.append(h("button", { type: "button", onclick: choose }, this.words(kind)));
    }
    mark();
    return seg;
  }

  #wrap(on: boolean): HTMLElement {
    const button = h("button", { class: "btn sm", type: "button", "aria-pressed": String(on) }, icon("wrap-text"), this.#word("wrap"));
    button.setAttribute("aria-label", this.words("wrap"));
    button.addEventListener("click", () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(now));
      this.hooks.wrap(now);
    });
    return button;
  }
}
