// <metric-charts data-url | data-sources data-ended>: all charts of a job, or of several beside each other, with one toolbar; hover and zoom
// are shared, live points never reset either, and only what is on screen is drawn.
import uPlot from "uplot";
import { Chart, type View } from "../lib/chart";
import { chartMenu } from "../lib/chartmenu";
import { h, wordsOf } from "../lib/dom";
import { fetchJson } from "../lib/http";
import { ends, type JobEvent } from "../lib/live";
import { Curves, type Source } from "../lib/curves";
import { ChartTools } from "../lib/charttools";

const MANY = 12; // more charts than this are searched and pinned

class MetricCharts extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #curves!: Curves;
  #charts = new Map<string, Chart>();
  #stale = new Set<string>(); // charts whose newest data is not drawn: they are not on screen
  #seen = new Set<Element>();
  #grid!: HTMLElement;
  #tools!: ChartTools;
  #range: [number, number] | null = null;
  #sync = uPlot.sync("job");
  #timer = 0;
  #onEvents = (event: Event): void => this.#live((event as CustomEvent<JobEvent[]>).detail);
  #onPointer = (event: Event): void => this.#light((event.target as HTMLElement).closest?.<HTMLElement>("[data-job]")?.dataset.job ?? null);
  #redraw = (): void => this.#charts.forEach((chart) => chart.rebuild());
  #resize = new ResizeObserver(() => this.#charts.forEach((chart) => chart.resize()));
  #screen = new IntersectionObserver((entries) => this.#scrolled(entries), { rootMargin: "200px" });

  connectedCallback(): void {
    this.#words = wordsOf(this);
    const sources = JSON.parse(this.dataset.sources ?? "null") as Source[] | null;
    this.#curves = new Curves(sources ?? [{ job: 0, url: this.dataset.url ?? "", started: this.dataset.started ?? null }]);
    const query = new URLSearchParams(location.search);
    const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
    if (query.has("from") && to > from) this.#range = [from, to];
    this.#grid = h("div", { class: "charts" });
    this.#tools = new ChartTools(this.#words, { changed: () => this.#changed(), reset: () => this.#zoom(null), filtered: () => this.#draw() });
    this.replaceChildren(this.#tools.element, this.#grid);
    document.addEventListener("job:events", this.#onEvents);
    document.addEventListener("slipway:theme", this.#redraw);
    if (this.#curves.several) document.addEventListener("pointerover", this.#onPointer);
    this.#resize.observe(this);
    void this.#load();
  }

  disconnectedCallback(): void {
    document.removeEventListener("job:events", this.#onEvents);
    document.removeEventListener("slipway:theme", this.#redraw);
    document.removeEventListener("pointerover", this.#onPointer);
    this.#resize.disconnect();
    this.#screen.disconnect();
    this.#charts.forEach((chart) => chart.destroy());
    window.clearTimeout(this.#timer);
  }

  async #load(): Promise<void> {
    const points = Math.max(200, Math.round(this.clientWidth * 2));
    await this.#curves.load(points, this.#curves.steps(this.#range, this.#tools.view.axis), (url) => fetchJson(url));
    this.#draw();
  }

  #live(batch: JobEvent[]): void {
    if (batch.some(ends)) {
      // What is measured last comes with the end, not as an event: everything is read once more.
      if (!this.#curves.several) this.dataset.ended = "";
      return void this.#load();
    }
    // A chart redraws at most ten times a second, however fast points come.
    if (this.#curves.extend(batch) && !this.#timer)
      this.#timer = window.setTimeout(() => {
        this.#timer = 0;
        this.#draw();
      }, 100);
  }

  #view(): View {
    return { ...this.#tools.view, start: this.#curves.start() };
  }

  #draw(): void {
    const groups = this.#curves.groups();
    this.#tools.many(groups.size > MANY);
    const limit = Number(this.dataset.limit ?? 0) || groups.size;
    const wanted = new Map(this.#tools.chosen([...groups]).slice(0, limit));
    for (const [name, chart] of this.#charts) if (!wanted.has(name)) this.#drop(name, chart);
    let place = 0;
    for (const [name, keys] of wanted) {
      const chart = this.#charts.get(name) ?? this.#make(name);
      if (this.#grid.children[place] !== chart.element) this.#grid.insertBefore(chart.element, this.#grid.children[place] ?? null);
      place += 1;
      if (this.#seen.has(chart.element)) chart.show(this.#curves.series(keys), this.#view(), this.#range);
      else this.#stale.add(name);
    }
    this.#grid.querySelector(".empty")?.remove();
    const none = "ended" in this.dataset ? "never" : "none";
    if (!wanted.size) this.#grid.append(h("p", { class: "meta empty" }, this.#words(groups.size ? "no_match" : none)));
  }

  #make(name: string): Chart {
    const several = this.#curves.several
      ? {
          place: (key: string): number => this.#curves.place(key),
          label: (key: string): string => key,
          start: (key: string): number => this.#curves.start(key),
          focused: (key: string | null): void => this.#lit(key?.slice(1) ?? null),
        }
      : {};
    const tools = (chart: Chart): HTMLElement => chartMenu(chart, name, this.#words, this.#tools);
    const chart = new Chart(this.#titled(name), this.#words, this.#sync, (range) => this.#zoom(range), { ...several, tools });
    this.#charts.set(name, chart);
    this.#screen.observe(chart.element);
    return chart;
  }

  /** The name of a metric in the reader's words, where they are known: `eval/loss` by its parts. */
  #titled(name: string): string {
    const [part, rest] = name.includes("/") ? [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)] : ["", name];
    const known = (key: string, plain: string, values = {}): string => (this.#words(key) === key ? plain : this.#words(key, values));
    const title = known(`m_${rest}`, rest);
    return part ? known(`p_${part}`, name, { name: title }) : title;
  }

  #drop(name: string, chart: Chart): void {
    this.#screen.unobserve(chart.element);
    this.#seen.delete(chart.element);
    chart.destroy();
    chart.element.remove();
    this.#charts.delete(name);
  }

  #scrolled(entries: IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      if (entry.isIntersecting) this.#seen.add(entry.target);
      else this.#seen.delete(entry.target);
    }
    const groups = this.#curves.groups();
    for (const [name, chart] of this.#charts)
      if (this.#seen.has(chart.element) && (this.#stale.delete(name) || !chart.plot)) chart.show(this.#curves.series(groups.get(name) ?? []), this.#view(), this.#range);
  }

  #zoom(range: [number, number] | null): void {
    this.#range = range;
    this.#charts.forEach((chart) => chart.zoom(range));
    this.#tools.remember((query) => {
      query.delete("from");
      query.delete("to");
      if (range) query.set("from", range[0].toPrecision(8));
      if (range) query.set("to", range[1].toPrecision(8));
    });
    void this.#load();
  }

  #changed(): void {
    if (this.#tools.turned && this.#range) return this.#zoom(null); // a range of steps is none of seconds
    this.#charts.forEach((chart) => chart.rebuild());
    this.#draw();
  }

  /** The job under the pointer, anywhere on the page, is lit in every chart. */
  #light(job: string | null): void {
    if (this.contains(document.querySelector(":hover .plot:hover"))) return;
    this.#charts.forEach((chart) => chart.light(job === null ? null : `#${job}`));
    this.#lit(job);
  }

  #lit(job: string | null): void {
    for (const element of document.querySelectorAll<HTMLElement>("main [data-job]")) element.classList.toggle("lit", job !== null && element.dataset.job === job);
  }
}

customElements.define("metric-charts", MetricCharts);
