// One chart of one or more series: uPlot with our colours, a spoken sentence, arrow keys, and a table of the same figures.
import uPlot from "uplot";
import { align, type Column, padded, reach } from "./align";
import { type Figures, tableOf } from "./charttable";
import { h, say, type wordsOf } from "./dom";
import { count, elapsed, figure, minute } from "./format";
import { type Axis, type Points, smooth, xs } from "./series";
import { token } from "./theme";

export interface View {
  axis: Axis;
  smoothing: number;
  log: boolean;
  table: boolean;
  start: number;
  outliers?: boolean; // false: the y axis leaves them out
}

/** What some charts have and others have not. first: which of the six colours their series begin with · unit: behind the name ·
 * zero: the y axis begins at nought · spoken: the sentence's key among the words · hovered: told the x under the cursor ·
 * place: which colour and dash a series has · label: what the legend calls it · start: when its time began · tools: stand in the
 * caption · focused: told which series the pointer is near. */
export interface Extras {
  first?: number;
  unit?: string;
  zero?: boolean;
  spoken?: string;
  hovered?: (x: number | null) => void;
  place?: (key: string, at: number) => number;
  label?: (key: string) => string;
  start?: (key: string) => number;
  tools?: (chart: Chart) => HTMLElement;
  focused?: (key: string | null) => void;
}

const DASHES: number[][] = [[], [6, 4], [2, 3], [8, 3, 2, 3], [3, 6], [10, 4]];
const WHOLE = [...Array(10).keys()].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power)); // there is no half step
const LONE = 30; // fewer values than this are drawn as points too

/** So few values that a line alone could miss some: those between two gaps have no line. */
function sparse(points: Points | undefined): boolean {
  let known = 0;
  for (const value of points?.values ?? []) if (value !== null && (known += 1) >= LONE) return false;
  return true;
}

/** 1, 2 or 5 times a power of ten, so that two or three such steps reach a value. */
function stepOf(high: number): number {
  const power = 10 ** Math.floor(Math.log10(high / 3));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => step >= high / 3 - power * 1e-9) ?? 10 * power;
}

/** Where the y axis ends: at a tick, at or above the highest value. */
function top(high: number): number {
  return high > 0 ? Math.ceil(high / stepOf(high) - 1e-9) * stepOf(high) : 1;
}

function stepsTo(max: number): number[] {
  const step = stepOf(max);
  return [...Array(Math.round(max / step) + 1).keys()].map((at) => at * step);
}

export class Chart {
  readonly element: HTMLElement;
  readonly hidden = new Set<string>();
  plot: uPlot | null = null;
  #box = h("div", { class: "plot", role: "group", tabindex: 0 });
  #keys = h("span", { class: "keys" });
  #tip = h("div", { class: "tip", hidden: true });
  #series = new Map<string, Points>();
  #view!: View;
  #range: [number, number] | null = null;
  #shape = "";
  #page = 0;
  #columns: { x: number[]; ys: Column[] } = { x: [], ys: [] };

  constructor(
    readonly name: string,
    private readonly words: ReturnType<typeof wordsOf>,
    private readonly sync: uPlot.SyncPubSub,
    private readonly zoomed: (range: [number, number] | null) => void,
    private readonly extras: Extras = {},
  ) {
    const unit = extras.unit ? h("span", { class: "fine" }, extras.unit) : null;
    const cap = h("div", { class: "cap" }, h("h3", {}, name, unit && " ", unit), this.#keys, extras.tools?.(this));
    this.element = h("div", { class: "chart" }, cap, this.#box);
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("dblclick", () => this.zoomed(null));
  }

  get keys(): string[] {
    return [...this.#series.keys()];
  }

  show(series: Map<string, Points>, view: View, range: [number, number] | null): void {
    this.#series = series;
    this.#view = { ...view };
    this.#range = range;
    const data = this.#aligned();
    const shape = [...series.keys(), view.axis, view.log, view.table, view.smoothing > 0, this.#few()].join();
    if (view.table) this.#table();
    else if (!this.plot || shape !== this.#shape) this.#make(data);
    else this.plot.setData(data, false);
    this.#shape = shape;
    if (this.plot && !view.table) this.zoom(range);
    this.#legend(null);
    this.#box.setAttribute("aria-label", this.#sentence());
  }

  /** Draws anew, in the colours of now. */
  rebuild(): void {
    this.#shape = "";
    if (this.#view && !this.#view.table) this.show(this.#series, this.#view, this.#range);
  }

  resize(): void {
    if (this.plot) this.plot.setSize({ width: this.#box.clientWidth, height: this.#box.clientHeight });
  }

  zoom(range: [number, number] | null): void {
    this.#range = range;
    const all = this.#columns.x;
    const [from, max] = range ?? [all[0] ?? 0, all.at(-1) ?? 1];
    const min = from < max ? from : Math.min(0, from); // one point alone: seen from the beginning
    this.plot?.setScale("x", { min, max: max > min ? max : min + 1 });
  }

  /** Shows or hides one series. */
  toggle(key: string): void {
    if (!this.hidden.delete(key)) this.hidden.add(key);
    const [at, all] = [this.keys.indexOf(key), this.#series.size];
    const show = !this.hidden.has(key);
    this.plot?.setSeries(at + 1, { show });
    if (this.#view.smoothing > 0) this.plot?.setSeries(at + 1 + all, { show });
    this.#legend(null);
  }

  /** Lights one series; the others step back. */
  light(key: string | null): void {
    const at = key === null ? -1 : this.keys.indexOf(key);
    const soft = this.#view?.smoothing > 0 ? this.#series.size : 0;
    this.plot?.setSeries(at < 0 ? null : at + 1 + soft, { focus: true }, false);
  }

  figures(): Figures {
    const heads = [this.words(this.#view.axis), ...this.keys];
    return { heads, x: this.#columns.x, ys: this.#columns.ys, write: (x) => this.#x(x) };
  }

  destroy(): void {
    this.plot?.destroy();
    this.plot = null;
  }

  #few(): boolean {
    return [...this.#series.values()].some(sparse);
  }

  /** One x column with every series joined onto it; smoothed ones last as lines, raw ones faint before them. */
  #aligned(): uPlot.AlignedData {
    const { axis, start, smoothing, log } = this.#view;
    const curves = [...this.#series].map(([key, points]) => ({ x: xs(points, axis, this.extras.start?.(key) ?? start), y: points.values }));
    const soft = smoothing > 0 ? curves.map(({ x, y }) => ({ x, y: smooth(x, y, smoothing) })) : [];
    const joined = align([...curves, ...soft]);
    this.#columns = { x: joined.x, ys: joined.ys.slice(0, curves.length) };
    const drawn = log ? joined.ys.map((y) => y.map((value) => (value !== null && value > 0 ? value : null))) : joined.ys;
    return [joined.x, ...drawn] as uPlot.AlignedData;
  }

  #make(data: uPlot.AlignedData): void {
    this.destroy();
    this.#box.replaceChildren();
    this.#box.style.height = "";
    const font = `11px ${getComputedStyle(document.documentElement).fontFamily}`;
    const soft = this.#view.smoothing > 0;
    const axis = { stroke: token("ink-3"), font, ticks: { show: false }, grid: { stroke: token("line"), width: 1 } };
    const options: uPlot.Options = {
      width: this.#box.clientWidth || 300,
      height: this.#box.clientHeight || 150,
      scales: { x: { time: false, auto: false }, y: { distr: this.#view.log ? 3 : 1, ...(this.#view.log ? {} : { range: this.#yRange }) } },
      series: [{}, ...this.#lines(soft), ...(soft ? this.#lines(false) : [])],
      axes: [
        { ...axis, ...(this.#view.axis === "step" ? { incrs: WHOLE } : {}), grid: { show: false }, size: 24, values: (_, ticks) => ticks.map((tick) => this.#x(tick)) },
        { ...axis, size: 52, ...(this.extras.zero && !this.#view.log ? { splits: (_: uPlot, __: number, ___: number, max: number) => stepsTo(max) } : {}), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : figure(tick))) },
      ],
      cursor: {
        sync: { key: this.sync.key, setSeries: false },
        y: false,
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        ...(this.extras.focused ? { focus: { prox: 16 } } : {}),
      },
      focus: { alpha: 0.25 },
      legend: { show: false },
      hooks: { setCursor: [(plot) => this.#hover(plot)], setSelect: [(plot) => this.#select(plot)], setSeries: [(_, at, change) => "focus" in change && this.#focus(at)] },
    };
    this.plot = new uPlot(options, data, this.#box);
    this.plot.over.append(this.#tip);
  }

  #lines(faint: boolean): uPlot.Series[] {
    return this.keys.map((key, at) => ({
      label: key,
      show: !this.hidden.has(key),
      stroke: token(this.#colour(key, at)),
      width: faint ? 0.6 : 1.75,
      alpha: faint ? 0.4 : 1,
      dash: faint ? [] : this.#dash(key, at),
      spanGaps: true,
      points: { show: !faint && sparse(this.#series.get(key)), size: 5 },
    }));
  }

  #yRange = (plot: uPlot, low: number | null, high: number | null): [number, number] => {
    if (low === null || high === null) return [0, 1];
    if (this.extras.zero) return [0, top(high)];
    if (this.#view.outliers !== false) return padded(low, high);
    const { min, max } = plot.scales.x ?? {};
    const shown = this.#columns.ys.filter((_, at) => !this.hidden.has(this.keys[at] ?? ""));
    return padded(...(reach(this.#columns.x, shown, min ?? -Infinity, max ?? Infinity, false) ?? [low, high]));
  };

  #select(plot: uPlot): void {
    if (plot.select.width < 4) return;
    const range: [number, number] = [plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.zoomed(range);
  }

  #hover(plot: uPlot): void {
    const at = plot.cursor.idx ?? null;
    this.#legend(at);
    this.extras.hovered?.(at === null ? null : (this.#columns.x[at] ?? null));
    this.#tip.hidden = at === null || !this.#box.matches(":hover") || this.#series.size < 2;
    if (this.#tip.hidden || at === null) return;
    const rows = this.keys.flatMap((key, index) => {
      const value = this.#columns.ys[index]?.[at];
      return value === null || value === undefined || this.hidden.has(key) ? [] : [h("span", {}, this.#stroke(key, index), this.#label(key), h("b", {}, figure(value)))];
    });
    this.#tip.replaceChildren(h("span", { class: "fine" }, `${this.words(this.#view.axis)} ${this.#x(this.#columns.x[at] ?? 0)}`), ...rows);
    const left = plot.cursor.left ?? 0;
    const flip = left + 12 + this.#tip.offsetWidth > plot.over.clientWidth;
    this.#tip.style.transform = `translateX(${flip ? Math.max(0, left - 12 - this.#tip.offsetWidth) : left + 12}px)`;
  }

  #focus(at: number | null): void {
    if (at !== null && at > 0) this.extras.focused?.(this.keys[(at - 1) % this.#series.size] ?? null);
    else this.extras.focused?.(null);
  }

  #x(value: number): string {
    if (this.#view.axis === "time") return elapsed(value);
    if (this.#view.axis === "clock") return minute(value, (this.#columns.x.at(-1) ?? 0) - (this.#columns.x[0] ?? 0) > 172800);
    return Math.abs(value) >= 10000 ? `${figure(value / 1000)}k` : figure(value);
  }

  #label(key: string): string {
    if (this.extras.label) return this.extras.label(key);
    if (this.keys.length < 2) return "";
    const part = key.slice(0, Math.max(0, key.indexOf("/")));
    const known = this.words(`l_${part}`);
    return known === `l_${part}` ? part : known;
  }

  #legend(at: number | null): void {
    const rows = this.keys.map((key, index) => {
      const column = this.#columns.ys[index] ?? [];
      const value = at === null ? column.findLast((known) => known !== null && known !== undefined) : column[at];
      return h("span", { class: this.hidden.has(key) ? "key off" : "key" }, this.#stroke(key, index), `${this.#label(key)} ${figure(value)}`);
    });
    this.#keys.replaceChildren(...rows);
  }

  #place(key: string, at: number): number {
    return this.extras.place?.(key, at) ?? at;
  }

  #colour(key: string, at: number): string {
    return `s${(((this.extras.first ?? 0) + this.#place(key, at)) % 6) + 1}`;
  }

  /** Series 7 to 12 repeat the colours with another dash. */
  #dash(key: string, at: number): number[] {
    const place = this.#place(key, at);
    return DASHES[((place % 6) + Math.floor(place / 6)) % 6] ?? [];
  }

  #stroke(key: string, index: number): SVGSVGElement {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    for (const [name, value] of Object.entries({ x1: "0", x2: "16", y1: "2", y2: "2", "stroke-width": "2" })) line.setAttribute(name, value);
    line.style.stroke = `var(--${this.#colour(key, index)})`;
    line.setAttribute("stroke-dasharray", this.#dash(key, index).join(" "));
    svg.setAttribute("aria-hidden", "true");
    svg.append(line);
    return svg;
  }

  #sentence(): string {
    const [points] = this.#series.values();
    const first = points?.values.find((value) => value !== null);
    if (!points || first === undefined) return this.name;
    const last = points.values.findLast((value) => value !== null);
    const values = { name: this.name, from: figure(first), to: figure(last), steps: count(points.steps.at(-1) ?? 0) };
    return this.words(this.extras.spoken ?? "sentence", values);
  }

  #key(event: KeyboardEvent): void {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    const plot = this.plot;
    if (event.key === "Escape") this.zoomed(null);
    if (!by || !plot || this.#view.table) return;
    event.preventDefault();
    const last = this.#columns.x.length - 1;
    const at = Math.min(last, Math.max(0, (plot.cursor.idx ?? last) + by));
    plot.setCursor({ left: plot.valToPos(this.#columns.x[at] ?? 0, "x"), top: plot.over.clientHeight / 2 });
    const values = this.keys.map((key, index) => `${key} ${figure(this.#columns.ys[index]?.[at])}`);
    say(`${this.#x(this.#columns.x[at] ?? 0)}: ${values.join(", ")}`);
  }

  #table(): void {
    this.destroy();
    const turn = (page: number): void => {
      this.#page = page;
      this.#table();
    };
    this.#box.replaceChildren(...tableOf(this.figures(), this.#page, this.words, turn));
    this.#box.style.height = "auto";
  }
}
