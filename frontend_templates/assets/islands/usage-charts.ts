// <usage-charts data-url data-hours data-step>: what an endpoint was used for, as charts with one time range and one cursor.
import uPlot from "uplot";
import { Chart, type Extras, type View } from "../lib/chart";
import { h, wordsOf } from "../lib/dom";
import { bytes, minute } from "../lib/format";
import { fetchJson } from "../lib/http";
import type { Points } from "../lib/series";

interface Figures {
  time: string;
  requests: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  latency_ms: Record<string, number | null>;
  time_to_first_token_ms: Record<string, number | null>;
}
interface Resources {
  time: string;
  replicas: number;
  cpu_percent: number | null;
  memory_bytes: number | null;
  memory_limit_bytes: number | null;
  gpu_percent: number | null;
  gpu_memory_bytes: number | null;
  gpu_memory_total_bytes: number | null;
}
interface Usage {
  resources: Resources[];
  over_time: Figures[];
  revisions: { revision: number; over_time: Figures[] }[];
}
type Value = (point: Figures) => number | null;

const PER_CENT = "%";
const POLL_MS = 10_000;
const POLL_LONG_MS = 60_000; // of a range whose points are an hour and more

class UsageCharts extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #charts = new Map<string, Chart>();
  #grid = h("div", { class: "charts" });
  #note = h("p", { class: "meta p-3", role: "status", hidden: true });
  #sync = uPlot.sync("usage");
  #view: View = { axis: "clock", smoothing: 0, log: false, table: false, start: 0 };
  #range: [number, number] | null = null;
  #timer = 0;
  #held = h("span", { class: "fine" }); // what the replicas hold in memory, beside its share
  #redraw = (): void => this.#charts.forEach((chart) => chart.rebuild());
  #resize = new ResizeObserver(() => this.#charts.forEach((chart) => chart.resize()));
  #clicked = (event: Event): void => this.#click(event.target as HTMLElement);

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.replaceChildren(this.#grid, this.#note);
    document.addEventListener("slipway:theme", this.#redraw);
    this.closest("section")?.addEventListener("click", this.#clicked);
    this.#resize.observe(this);
    void this.#load();
  }

  disconnectedCallback(): void {
    document.removeEventListener("slipway:theme", this.#redraw);
    this.closest("section")?.removeEventListener("click", this.#clicked);
    this.#resize.disconnect();
    window.clearTimeout(this.#timer);
    this.#charts.forEach((chart) => chart.destroy());
  }

  async #load(): Promise<void> {
    if (!this.isConnected) return;
    try {
      if (!document.hidden) await this.#read();
    } catch {
      this.#note.textContent = this.#words("away");
    }
    this.#timer = window.setTimeout(() => void this.#load(), Number(this.dataset.hours) > 1 ? POLL_LONG_MS : POLL_MS);
  }

  async #read(): Promise<void> {
    const step = Number(this.dataset.step);
    const end = Math.floor(Date.now() / 1000);
    const start = end - Number(this.dataset.hours) * 3600;
    const query = new URLSearchParams({ from: new Date(start * 1000).toISOString(), step: String(step) });
    const usage = await fetchJson<Usage>(`${this.dataset.url}?${query}`);
    const times: number[] = [];
    for (let at = Math.ceil(start / step) * step; at <= end; at += step) times.push(at);
    this.#draw(usage, times, step);
    this.#note.textContent = usage.over_time.length ? "" : this.#words("none");
    this.#note.hidden = usage.over_time.length > 0;
  }

  #draw(usage: Usage, times: number[], step: number): void {
    const legend = JSON.parse(document.getElementById("usage-legend")?.textContent ?? "[]") as { revision: number; name: string }[];
    if (!legend.length) return; // nothing serves yet: there is no line to draw
    const points = <Row extends { time: string }>(list: Row[], value: (row: Row) => number | null, none: number | null): Points => {
      const known = new Map(list.map((point) => [Date.parse(point.time) / 1000, value(point)]));
      return { steps: times, times, values: times.map((at) => known.get(at) ?? none) };
    };
    const byRevision = (value: Value, none: number | null): Map<string, Points> =>
      new Map(
        legend.map(({ revision, name }) => {
          const own = usage.revisions.find((row) => row.revision === revision)?.over_time ?? [];
          return [`${name}/`, points(own, value, none)];
        }),
      );
    const perMinute = (value: number): number => Math.round((value * 6000) / step) / 100;
    const words = this.#words;
    const ms = words("ms");
    this.#show("requests", byRevision((p) => perMinute(p.requests), 0), { unit: words("per_minute") });
    this.#show("errors", byRevision((p) => (p.requests ? (100 * p.errors) / p.requests : null), null), { unit: PER_CENT });
    const share = (name: string): [string, Points] => [`${name}/`, points(usage.over_time, (p) => p.latency_ms[name] ?? null, null)];
    this.#show("latency", new Map([share("p50"), share("p95"), share("p99")]), { unit: ms, first: 3 });
    if (usage.over_time.some((p) => p.output_tokens)) {
      const into = points(usage.over_time, (p) => perMinute(p.input_tokens), 0);
      const out = points(usage.over_time, (p) => perMinute(p.output_tokens), 0);
      const tokens = new Map([[`${words("in")}/`, into], [`${words("out")}/`, out]]);
      this.#show("tokens", tokens, { unit: words("per_minute"), first: 3 });
      this.#show("first", byRevision((p) => p.time_to_first_token_ms.p50 ?? null, null), { unit: ms });
    }
    this.#resources(usage.resources, (value) => points(usage.resources, value, null));
  }

  /** Use and memory of the graphics devices the replicas run on, else of their processes; the mean of one replica. */
  #resources(list: Resources[], points: (value: (row: Resources) => number | null) => Points): void {
    const newest = list.at(-1);
    if (!newest) return;
    const words = this.#words;
    const [use, memory, whole] = list.some((row) => row.gpu_percent !== null)
      ? (["gpu_percent", "gpu_memory_bytes", "gpu_memory_total_bytes"] as const)
      : (["cpu_percent", "memory_bytes", "memory_limit_bytes"] as const);
    const share = (row: Resources): number | null => (row[memory] !== null && row[whole] ? (100 * row[memory]) / row[whole] : null);
    const series = new Map([
      [`${words(use)}/`, points((row) => row[use])],
      [`${words(memory)}/`, points(share)],
    ]);
    this.#show("resources", series, { unit: PER_CENT, first: 3, tools: () => this.#held });
    const values = { n: newest.replicas, used: bytes(newest[memory] ?? 0), whole: bytes(newest[whole] ?? 0) };
    this.#held.textContent = newest[memory] === null ? "" : words(newest.replicas > 1 ? "held_each" : "held", values);
  }

  #show(name: string, series: Map<string, Points>, extras: Extras): void {
    let chart = this.#charts.get(name);
    if (!chart) {
      const more = { ...extras, zero: true, hovered: (x: number | null): void => this.#at(x) };
      chart = new Chart(this.#words(name), this.#words, this.#sync, (range) => this.#zoom(range), more);
      this.#charts.set(name, chart);
      this.#grid.append(chart.element);
    }
    chart.show(series, this.#view, this.#range);
  }

  #at(x: number | null): void {
    const place = this.closest("section")?.querySelector("[data-at]");
    if (place) place.textContent = x === null ? "" : minute(x, Number(this.dataset.hours) > 48);
  }

  #zoom(range: [number, number] | null): void {
    this.#range = range;
    this.#charts.forEach((chart) => chart.zoom(range));
  }

  #click(target: HTMLElement): void {
    if (target.closest("[data-zoom-out]")) this.#zoom(null);
    const tables = target.closest<HTMLElement>("[data-tables]");
    if (!tables) return;
    this.#view.table = !this.#view.table;
    tables.setAttribute("aria-pressed", String(this.#view.table));
    void this.#read();
  }
}

customElements.define("usage-charts", UsageCharts);
