// The points of one or several jobs, as far as they were asked for and as live events bring them.
import type { JobEvent } from "./live";
import { type Axis, charts, extend, type Points } from "./series";

export interface Source {
  job: number;
  url: string;
  started: string | null;
}
type Answer = Record<string, { steps: number[]; values: (number | null)[]; times: (number | string)[] }>;

const seconds = (time: number | string): number => (typeof time === "number" ? time : Date.parse(time) / 1000);

export class Curves {
  readonly several: boolean;
  #data = new Map<number, Map<string, Points>>();

  constructor(private readonly sources: Source[]) {
    this.several = sources.length > 1 || (sources[0]?.job ?? 0) > 0;
    for (const source of sources) this.#data.set(source.job, new Map());
  }

  /** Reads every curve anew, between two steps. A job whose figures cannot be read keeps those it has. */
  async load(points: number, between: [number, number] | null, read: (url: string) => Promise<Answer>): Promise<void> {
    const query = new URLSearchParams({ max_points: String(points) });
    if (between) query.set("from", String(Math.floor(between[0])));
    if (between) query.set("to", String(Math.ceil(between[1])));
    await Promise.all(this.sources.map((source) => read(`${source.url}?${query}`).then((answer) => this.#take(source.job, answer), () => undefined)));
  }

  #take(job: number, answer: Answer): void {
    const known = Object.entries(answer).filter(([, points]) => points.steps.length);
    this.#data.set(job, new Map(known.map(([key, points]) => [key, { ...points, times: points.times.map(seconds) }])));
  }

  /** Adds live points; false when there were none for us. */
  extend(batch: JobEvent[]): boolean {
    let news = false;
    for (const event of batch) {
      const own = this.#data.get(this.several ? (event.job ?? 0) : 0);
      if (event.type !== "metric" || !own) continue;
      const { step, values } = event.data as { step: number; values: Record<string, number | null> };
      for (const [key, value] of Object.entries(values)) {
        const points = own.get(key) ?? { steps: [], values: [], times: [] };
        own.set(key, points);
        extend(points, step, value, seconds(event.time));
        news = true;
      }
    }
    return news;
  }

  /** Charts by name with the metrics in each: of one job those of one kind together, of several each metric by itself. */
  groups(): Map<string, string[]> {
    const keys = [...new Set([...this.#data.values()].flatMap((own) => [...own.keys()]))];
    const grouped = charts(keys);
    return this.several ? new Map([...grouped.values()].flat().sort(measuredFirst).map((key) => [key, [key]])) : grouped;
  }

  /** The series of one chart: by metric for one job, by `#128` for several. */
  series(keys: string[]): Map<string, Points> {
    const own = this.#data.get(0);
    if (!this.several) return new Map(keys.map((key) => [key, own?.get(key) as Points]));
    const found = this.sources.map((source) => [`#${source.job}`, this.#data.get(source.job)?.get(keys[0] ?? "")] as const);
    return new Map(found.filter((pair): pair is [`#${number}`, Points] => pair[1] !== undefined));
  }

  place(key: string): number {
    return this.sources.findIndex((source) => `#${source.job}` === key);
  }

  /** When the time of a series began; without a name that of the only job. */
  start(key?: string): number {
    const source = key ? this.sources.find((each) => `#${each.job}` === key) : this.sources[0];
    return seconds(source?.started ?? 0);
  }

  /** The steps between which a range of the x axis lies, to ask for it. */
  steps(range: [number, number] | null, axis: Axis): [number, number] | null {
    if (!range || axis === "step") return range;
    let [low, high] = [Infinity, -Infinity];
    for (const [job, own] of this.#data)
      for (const { steps, times } of own.values()) {
        const start = axis === "clock" ? 0 : this.start(this.several ? `#${job}` : undefined);
        const inside = times.findIndex((time) => time - start >= range[0]);
        const after = times.findLastIndex((time) => time - start <= range[1]);
        if (inside >= 0) low = Math.min(low, steps[Math.max(0, inside - 1)] ?? 0);
        if (after >= 0) high = Math.max(high, steps[Math.min(steps.length - 1, after + 1)] ?? 0);
      }
    return low < high ? [low, high] : null;
  }
}

/** What was measured on held-out rows tells jobs apart better than what training saw. */
function measuredFirst(a: string, b: string): number {
  return Number(a.startsWith("train/")) - Number(b.startsWith("train/"));
}
