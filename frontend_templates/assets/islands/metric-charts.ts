// <metric-charts>: all charts of a job with one toolbar; hover and zoom are shared, live points never reset either.
import uPlot from "uplot";
import { h, icon, wordsOf } from "../lib/dom";
import { Chart, type View } from "../lib/chart";
import { fetchJson } from "../lib/http";
import type { JobEvent } from "../lib/live";
import { charts, extend, type Points } from "../lib/series";

type Answer = Record<string, { steps: number[]; values: (number | null)[]; times: (number | string)[] }>;

const seconds = (time: number | string): number => (typeof time === "number" ? time : Date.parse(time) / 1000);

class MetricCharts extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #data = new Map<string, Points>();
  #charts = new Map<string, Chart>();
  #grid!: HTMLElement;
  #view: View = { axis: "step", smoothing: 0, log: false, table: false, start: 0 };
  #range: [number, number] | null = null;
  #sync = uPlot.sync("job");
  #timer = 0;
  #dirty = false;
  #onEvents = (event: Event): void => this.#live((event as CustomEvent<JobEvent[]>).detail);
  #redraw = (): void => this.#charts.forEach((chart) => chart.rebuild());
  #resize = new ResizeObserver(() => this.#charts.forEach((chart) => chart.resize()));

  connectedCallback(): void {
    this.#words = wordsOf(this);
    const query = new URLSearchParams(location.search);
    this.#view.axis = query.get("x") === "time" ? "time" : "step";
    this.#view.smoothing = Math.min(0.99, Math.max(0, Number(query.get("smooth") ?? 0) || 0));
    this.#view.log = query.get("log") === "1";
    this.#view.start = seconds(this.dataset.started || 0);
    this.#grid = h("div", { class: "charts" });
    this.replaceChildren(this.#toolbar(), this.#grid);
    document.addEventListener("job:events", this.#onEvents);
    document.addEventListener("slipway:theme", this.#redraw);
    this.#resize.observe(this);
    const from = Number(query.get("from"));
    const to = Number(query.get("to"));
    if (query.has("from") && to > from) this.#range = [from, to];
    void this.#load();
  }

  disconnectedCallback(): void {
    document.removeEventListener("job:events", this.#onEvents);
    document.removeEventListener("slipway:theme", this.#redraw);
    this.#resize.disconnect();
    this.#charts.forEach((chart) => chart.destroy());
    window.clearTimeout(this.#timer);
  }

  async #load(): Promise<void> {
    const query = new URLSearchParams({ max_points: String(Math.max(200, Math.round(this.clientWidth * 2))) });
    if (this.#range && this.#view.axis === "step") {
      query.set("from", String(Math.floor(this.#range[0])));
      query.set("to", String(Math.ceil(this.#range[1])));
    }
    const answer = await fetchJson<Answer>(`${this.dataset.url}?${query}`);
    this.#data = new Map(
      Object.entries(answer)
        .filter(([, points]) => points.steps.length)
        .map(([key, points]) => [key, { steps: points.steps, values: points.values, times: points.times.map(seconds) }]),
    );
    this.#draw();
  }

  #live(batch: JobEvent[]): void {
    for (const event of batch) {
      if (event.type !== "metric") continue;
      const { step, values } = event.data as { step: number; values: Record<string, number | null> };
      for (const [key, value] of Object.entries(values)) {
        const points = this.#data.get(key) ?? { steps: [], values: [], times: [] };
        this.#data.set(key, points);
        extend(points, step, value, seconds(event.time));
        this.#dirty = true;
      }
    }
    // A chart redraws at most ten times a second, however fast points come.
    if (this.#dirty && !this.#timer)
      this.#timer = window.setTimeout(() => {
        this.#timer = 0;
        this.#dirty = false;
        this.#draw();
      }, 100);
  }

  #draw(): void {
    const groups = charts([...this.#data.keys()]);
    const limit = Number(this.dataset.limit ?? 0) || groups.size;
    const wanted = new Map([...groups].slice(0, limit));
    for (const [name, chart] of this.#charts)
      if (!wanted.has(name)) {
        chart.destroy();
        chart.element.remove();
        this.#charts.delete(name);
      }
    let place = 0;
    for (const [name, keys] of wanted) {
      let chart = this.#charts.get(name);
      if (!chart) {
        chart = new Chart(name, this.#words, this.#sync, (range) => this.#zoom(range));
        this.#charts.set(name, chart);
      }
      if (this.#grid.children[place] !== chart.element) this.#grid.insertBefore(chart.element, this.#grid.children[place] ?? null);
      place += 1;
      chart.show(new Map(keys.map((key) => [key, this.#data.get(key) as Points])), this.#view, this.#range);
    }
    if (!groups.size) this.#grid.replaceChildren(h("p", { class: "meta empty" }, this.#words("none")));
    else this.#grid.querySelector(".empty")?.remove();
  }

  #zoom(range: [number, number] | null): void {
    this.#range = range;
    this.#charts.forEach((chart) => chart.zoom(range));
    const query = new URLSearchParams(location.search);
    query.delete("from");
    query.delete("to");
    if (range) {
      query.set("from", range[0].toPrecision(6));
      query.set("to", range[1].toPrecision(6));
    }
    this.#remember(query);
    if (this.#view.axis === "step") void this.#load();
  }

  #remember(query: URLSearchParams): void {
    const text = query.toString();
    history.replaceState(history.state, "", `${location.pathname}${text ? `?${text}` : ""}${location.hash}`);
  }

  #change(change: Partial<View>): void {
    const before = this.#view.axis;
    Object.assign(this.#view, change);
    if (this.#view.axis !== before) this.#range = null;
    const query = new URLSearchParams(location.search);
    const set = (name: string, value: string, plain: string): void => (value === plain ? query.delete(name) : query.set(name, value));
    set("x", this.#view.axis, "step");
    set("smooth", String(this.#view.smoothing), "0");
    set("log", this.#view.log ? "1" : "0", "0");
    this.#remember(query);
    this.#charts.forEach((chart) => chart.rebuild());
    this.#draw();
  }

  #toolbar(): HTMLElement {
    const words = this.#words;
    const axis = h("span", { class: "seg", role: "group", "aria-label": words("axis") });
    for (const kind of ["step", "time"] as const)
      axis.append(this.#toggle(words(kind), () => this.#view.axis === kind, () => this.#change({ axis: kind }), "", axis));
    const slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: this.#view.smoothing, "aria-label": words("smoothing") });
    slider.addEventListener("input", () => this.#change({ smoothing: Number(slider.value) }));
    const log = this.#toggle(words("log"), () => this.#view.log, () => this.#change({ log: !this.#view.log }), "btn sm");
    const table = this.#toggle(words("table"), () => this.#view.table, () => this.#change({ table: !this.#view.table }), "btn sm");
    const reset = h("button", { class: "btn sm quiet", type: "button", onclick: () => this.#zoom(null) }, icon("rotate-ccw"), words("reset"));
    const label = h("label", { class: "check meta" }, words("smoothing"), slider);
    const tools = h("span", { class: "actions", role: "group", "aria-label": words("tools") }, axis, label, log, table, reset);
    return h("header", { class: "bar" }, h("h2", {}, words("title")), tools);
  }

  #toggle(text: string, isOn: () => boolean, act: () => void, className: string, group?: HTMLElement): HTMLButtonElement {
    const button = h("button", { type: "button", class: className || null, "aria-pressed": String(isOn()) }, text);
    button.addEventListener("click", () => {
      act();
      for (const other of group?.children ?? []) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(isOn()));
    });
    return button;
  }
}

customElements.define("metric-charts", MetricCharts);
