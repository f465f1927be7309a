// One chart of one or more series: uPlot with our colours, a spoken sentence, arrow keys, and a table of the same figures.
import uPlot from "uplot";
import { h, say, type wordsOf } from "./dom";
import { count, elapsed, figure } from "./format";
import { type Axis, type Points, smooth, xs } from "./series";
import { token } from "./theme";

export interface View {
  axis: Axis;
  smoothing: number;
  log: boolean;
  table: boolean;
  start: number;
}

const DASHES: number[][] = [[], [6, 4], [2, 3], [8, 3, 2, 3], [3, 6], [10, 4]];
const ROWS = 25;

export class Chart {
  readonly element: HTMLElement;
  #plot: uPlot | null = null;
  #box = h("div", { class: "plot", role: "group", tabindex: 0 });
  #keys = h("span", {});
  #series = new Map<string, Points>();
  #view!: View;
  #range: [number, number] | null = null;
  #shape = "";
  #page = 0;
  #columns: { x: number[]; ys: (number | null)[][] } = { x: [], ys: [] };

  constructor(
    private readonly name: string,
    private readonly words: ReturnType<typeof wordsOf>,
    private readonly sync: uPlot.SyncPubSub,
    private readonly zoomed: (range: [number, number] | null) => void,
  ) {
    this.element = h("div", { class: "chart" }, h("div", { class: "cap" }, h("h3", {}, name), this.#keys), this.#box);
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("dblclick", () => this.zoomed(null));
  }

  show(series: Map<string, Points>, view: View, range: [number, number] | null): void {
    this.#series = series;
    this.#view = view;
    this.#range = range;
    const data = this.#aligned();
    const shape = [...series.keys(), view.axis, view.log, view.table, view.smoothing > 0].join();
    if (view.table) this.#table();
    else if (!this.#plot || shape !== this.#shape) this.#make(data);
    else this.#plot.setData(data, false);
    this.#shape = shape;
    if (this.#plot && !view.table) this.zoom(range);
    this.#legend(null);
    this.#box.setAttribute("aria-label", this.#sentence());
  }

  rebuild(): void {
    this.#shape = "";
    if (this.#view && !this.#view.table) this.show(this.#series, this.#view, this.#range);
  }

  resize(): void {
    if (this.#plot) this.#plot.setSize({ width: this.#box.clientWidth, height: this.#box.clientHeight });
  }

  zoom(range: [number, number] | null): void {
    this.#range = range;
    const all = this.#columns.x;
    const [from, max] = range ?? [all[0] ?? 0, all.at(-1) ?? 1];
    const min = from < max ? from : Math.min(0, from); // one point alone: seen from the beginning
    this.#plot?.setScale("x", { min, max: max > min ? max : min + 1 });
  }

  destroy(): void {
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** One x column with every series joined onto it; smoothed ones first as lines, raw ones faint behind. */
  #aligned(): uPlot.AlignedData {
    const tables: [number[], (number | null)[]][] = [];
    for (const points of this.#series.values()) tables.push([xs(points, this.#view.axis, this.#view.start), points.values]);
    const joined = uPlot.join(tables as uPlot.AlignedData[]) as (number | null)[][];
    const x = (joined[0] ?? []) as number[];
    const raw = joined.slice(1);
    this.#columns = { x, ys: raw };
    const { smoothing } = this.#view;
    if (smoothing <= 0) return [x, ...raw] as uPlot.AlignedData;
    const soft = raw.map((y) => smooth(x, y.map((value) => value ?? null), smoothing));
    return [x, ...raw, ...soft] as uPlot.AlignedData;
  }

  #make(data: uPlot.AlignedData): void {
    this.destroy();
    this.#box.replaceChildren();
    this.#box.style.height = "";
    const ink = token("ink-3");
    const line = token("line");
    const font = `11px ${getComputedStyle(document.documentElement).fontFamily}`;
    const soft = this.#view.smoothing > 0;
    const keys = [...this.#series.keys()];
    const lines = (faint: boolean): uPlot.Series[] =>
      keys.map((key, at) => ({
        label: key,
        stroke: token(`s${(at % 6) + 1}`),
        width: faint ? 0.6 : 1.75,
        alpha: faint ? 0.4 : 1,
        dash: faint ? [] : (DASHES[at % 6] ?? []),
        spanGaps: true,
        points: { show: !faint && (this.#series.get(key)?.steps.length ?? 0) < 30, size: 5 },
      }));
    const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
    const options: uPlot.Options = {
      width: this.#box.clientWidth || 300,
      height: this.#box.clientHeight || 150,
      scales: { x: { time: false, auto: false }, y: { distr: this.#view.log ? 3 : 1 } },
      series: [{}, ...lines(soft), ...(soft ? lines(false) : [])],
      axes: [
        { ...axis, grid: { show: false }, size: 24, values: (_, ticks) => ticks.map((tick) => this.#x(tick)) },
        { ...axis, size: 52, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : figure(tick))) },
      ],
      cursor: {
        sync: { key: this.sync.key, setSeries: false },
        y: false,
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
      },
      legend: { show: false },
      hooks: {
        setCursor: [(plot) => this.#legend(plot.cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 4) return;
            const range: [number, number] = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            this.zoomed(range);
          },
        ],
      },
    };
    this.#plot = new uPlot(options, data, this.#box);
  }

  #x(value: number): string {
    if (this.#view.axis === "time") return elapsed(value);
    return value >= 10000 ? `${figure(value / 1000)}k` : figure(value);
  }

  #legend(at: number | null): void {
    const rows = [...this.#series.keys()].map((key, index) => {
      const column = this.#columns.ys[index] ?? [];
      const value = at === null ? column.findLast((known) => known !== null && known !== undefined) : column[at];
      return h("span", { class: "key" }, this.#stroke(index), `${key.includes("/") ? key.slice(0, key.indexOf("/")) : ""} ${figure(value)}`);
    });
    this.#keys.replaceChildren(...rows);
  }

  #stroke(index: number): SVGSVGElement {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    for (const [name, value] of Object.entries({ x1: "0", x2: "16", y1: "2", y2: "2", "stroke-width": "2" })) line.setAttribute(name, value);
    line.style.stroke = `var(--s${(index % 6) + 1})`;
    line.setAttribute("stroke-dasharray", (DASHES[index % 6] ?? []).join(" "));
    svg.setAttribute("aria-hidden", "true");
    svg.append(line);
    return svg;
  }

  #sentence(): string {
    const [points] = this.#series.values();
    const known = (points?.values ?? []).filter((value) => value !== null);
    if (!points || !known.length) return this.name;
    const values = { name: this.name, from: figure(known[0]), to: figure(known.at(-1)), steps: count(points.steps.at(-1) ?? 0) };
    return this.words("sentence", values);
  }

  #key(event: KeyboardEvent): void {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    const plot = this.#plot;
    if (event.key === "Escape") this.zoomed(null);
    if (!by || !plot || this.#view.table) return;
    event.preventDefault();
    const last = this.#columns.x.length - 1;
    const at = Math.min(last, Math.max(0, (plot.cursor.idx ?? last) + by));
    plot.setCursor({ left: plot.valToPos(this.#columns.x[at] ?? 0, "x"), top: plot.over.clientHeight / 2 });
    const values = [...this.#series.keys()].map((key, index) => `${key} ${figure(this.#columns.ys[index]?.[at])}`);
    say(`${this.#x(this.#columns.x[at] ?? 0)}: ${values.join(", ")}`);
  }

  #table(): void {
    this.destroy();
    const { x, ys } = this.#columns;
    const pages = Math.max(1, Math.ceil(x.length / ROWS));
    this.#page = Math.min(this.#page, pages - 1);
    const head = h("tr", {}, ...[this.words(this.#view.axis), ...this.#series.keys()].map((text) => h("th", { class: "num", scope: "col" }, text)));
    const body = h("tbody", {});
    // Newest first, as in every list of the platform.
    for (let at = x.length - 1 - this.#page * ROWS; at >= 0 && at > x.length - 1 - (this.#page + 1) * ROWS; at -= 1)
      body.append(h("tr", {}, ...[this.#x(x[at] ?? 0), ...ys.map((y) => figure(y[at]))].map((text) => h("td", { class: "num" }, text))));
    const turn = (by: number): HTMLButtonElement =>
      h(
        "button",
        {
          class: "btn sm",
          type: "button",
          disabled: by < 0 ? this.#page === 0 : this.#page >= pages - 1,
          onclick: () => {
            this.#page += by;
            this.#table();
          },
        },
        this.words(by < 0 ? "newer" : "older"),
      );
    const table = h("table", { class: "table" }, h("thead", {}, head), body);
    const pager = h("div", { class: "pager" }, turn(-1), `${this.#page + 1} / ${pages}`, turn(1));
    this.#box.replaceChildren(h("div", { class: "scroller" }, table), pager);
    this.#box.style.height = "auto";
  }
}
