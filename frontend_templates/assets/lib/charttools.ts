// The one toolbar of a page's charts. What is set stands in the address, so that a copied link opens the same view.
import { h, icon, type wordsOf } from "./dom";
import type { Axis } from "./series";
import type { View } from "./chart";

const AXES: Axis[] = ["step", "time", "clock"];

export interface ToolHooks {
  changed(): void;
  reset(): void;
  filtered(): void;
}

export class ChartTools {
  readonly element: HTMLElement;
  readonly view: View = { axis: "step", smoothing: 0, log: false, table: false, start: 0, outliers: true };
  /** Whether the last change turned to another x axis. */
  turned = false;
  #pins: Set<string>;
  #find: HTMLInputElement;

  constructor(
    private readonly words: ReturnType<typeof wordsOf>,
    private readonly hooks: ToolHooks,
  ) {
    const query = new URLSearchParams(location.search);
    this.view.axis = AXES.find((axis) => axis === query.get("x")) ?? "step";
    this.view.smoothing = Math.min(0.99, Math.max(0, Number(query.get("smooth") ?? 0) || 0));
    this.view.log = query.get("log") === "1";
    this.view.outliers = query.get("outliers") !== "0";
    this.#pins = new Set((query.get("pin") ?? "").split(",").filter(Boolean));
    this.#find = h("input", { class: "input sm", type: "search", hidden: true, placeholder: words("find"), "aria-label": words("find") });
    this.#find.value = query.get("find") ?? "";
    this.#find.addEventListener("input", (event) => {
      if ((event as InputEvent).isComposing) return;
      this.remember((address) => (this.#find.value ? address.set("find", this.#find.value) : address.delete("find")));
      hooks.filtered();
    });
    this.element = this.#build();
  }

  #build(): HTMLElement {
    const { words, view } = this;
    const axis = h("span", { class: "seg", role: "group", "aria-label": words("axis") });
    for (const kind of AXES) axis.append(this.#toggle(words(kind), () => view.axis === kind, { axis: kind }, "", axis));
    const slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: view.smoothing, "aria-label": words("smoothing") });
    slider.addEventListener("input", () => this.#change({ smoothing: Number(slider.value) }));
    const reset = h("button", { class: "btn sm quiet", type: "button", onclick: () => this.hooks.reset() }, icon("rotate-ccw"), words("reset"));
    const tools = h(
      "span",
      { class: "actions", role: "group", "aria-label": words("tools") },
      this.#find,
      axis,
      h("label", { class: "check meta" }, words("smoothing"), slider),
      this.#toggle(words("log"), () => view.log, () => ({ log: !view.log })),
      reset,
      ...this.#menu(),
    );
    return h("header", { class: "bar" }, h("h2", {}, words("title")), tools);
  }

  /** What is wanted seldom. */
  #menu(): HTMLElement[] {
    const { words, view } = this;
    const item = (text: string, isOn: () => boolean, change: () => Partial<View>): HTMLElement => {
      const button = h("button", { type: "button", role: "menuitemcheckbox", "aria-checked": String(isOn()) }, icon("check"), text);
      button.addEventListener("click", () => {
        this.#change(change());
        button.setAttribute("aria-checked", String(isOn()));
      });
      return button;
    };
    const outliers = item(words("outliers"), () => view.outliers === false, () => ({ outliers: view.outliers === false }));
    const table = item(words("table"), () => view.table, () => ({ table: !view.table }));
    const opener = { class: "btn sm ico", type: "button", popovertarget: "chart-tools", "aria-haspopup": "menu", "aria-label": words("more") };
    return [h("button", opener, icon("sliders-horizontal")), h("div", { class: "menu", id: "chart-tools", popover: "auto", role: "menu" }, outliers, table)];
  }

  #toggle(text: string, isOn: () => boolean, change: Partial<View> | (() => Partial<View>), className = "btn sm", group?: HTMLElement): HTMLButtonElement {
    const button = h("button", { type: "button", class: className || null, "aria-pressed": String(isOn()) }, text);
    button.addEventListener("click", () => {
      this.#change(typeof change === "function" ? change() : change);
      for (const other of group?.children ?? []) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(isOn()));
    });
    return button;
  }

  #change(change: Partial<View>): void {
    this.turned = change.axis !== undefined && change.axis !== this.view.axis;
    Object.assign(this.view, change);
    this.remember((query) => {
      const set = (name: string, value: string, plain: string): void => (value === plain ? query.delete(name) : query.set(name, value));
      set("x", this.view.axis, "step");
      set("smooth", String(this.view.smoothing), "0");
      set("log", this.view.log ? "1" : "0", "0");
      set("outliers", this.view.outliers === false ? "0" : "1", "1");
    });
    this.hooks.changed();
  }

  /** Writes what is set into the address, without a step back in the history. */
  remember(write: (query: URLSearchParams) => unknown): void {
    const query = new URLSearchParams(location.search);
    write(query);
    const text = query.toString().replace(/%2C/g, ",");
    history.replaceState(history.state, "", `${location.pathname}${text ? `?${text}` : ""}${location.hash}`);
  }

  /** Many charts are searched by name. */
  many(are: boolean): void {
    this.#find.hidden = !are && !this.#find.value;
  }

  /** Pinned ones first, then those whose name or metrics hold the search. */
  chosen(groups: [string, string[]][]): [string, string[]][] {
    const text = this.#find.value.trim().toLowerCase();
    const pinned = groups.filter(([name]) => this.#pins.has(name));
    const rest = groups.filter(([name, keys]) => !this.#pins.has(name) && [name, ...keys].some((word) => word.toLowerCase().includes(text)));
    return [...pinned, ...rest];
  }

  has(name: string): boolean {
    return this.#pins.has(name);
  }

  toggle(name: string): void {
    if (!this.#pins.delete(name)) this.#pins.add(name);
    this.remember((query) => (this.#pins.size ? query.set("pin", [...this.#pins].join(",")) : query.delete("pin")));
    this.hooks.filtered();
  }
}
