// From the API's metrics to what a chart draws: grouping by name, smoothing, joining on one x axis.

export interface Points {
  steps: number[];
  values: (number | null)[];
  times: number[];
}

export type Axis = "step" | "time" | "clock";

/** `train/loss` and `eval/loss` share the chart `loss`; a lone name is its own chart. */
export function charts(keys: string[]): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const key of keys.filter((name) => !name.endsWith("/epoch")).sort(byImportance)) {
    const name = key.slice(key.indexOf("/") + 1);
    out.set(name, [...(out.get(name) ?? []), key]);
  }
  return out;
}

const ORDER = ["loss", "accuracy", "f1_macro", "perplexity", "bits_per_char"];
const PARTS = ["train", "eval", "validation", "test"];

function byImportance(a: string, b: string): number {
  const rank = (key: string): number => {
    const [part, ...rest] = key.split("/");
    const name = rest.join("/") || (part ?? "");
    const at = ORDER.indexOf(name);
    return (at < 0 ? ORDER.length : at) * 10 + Math.max(0, PARTS.indexOf(part ?? ""));
  };
  return rank(a) - rank(b) || a.localeCompare(b);
}

/** x of every point: the step, seconds since `start` (Unix seconds), or the Unix time itself. */
export function xs(points: Points, axis: Axis, start: number): number[] {
  if (axis === "clock") return points.times;
  return axis === "step" ? points.steps : points.times.map((time) => time - start);
}

/** Debiased exponential moving average whose weight follows the distance in x, so that uneven points smooth evenly. */
export function smooth(x: number[], y: (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0 || x.length < 3) return y;
  const scale = 1000 / Math.max(1e-9, (x.at(-1) ?? 0) - (x[0] ?? 0));
  let mean = 0;
  let bias = 0;
  let before = x[0] ?? 0;
  return y.map((value, at) => {
    if (value === null) return null;
    const here = x[at] ?? 0;
    // Two points 1/1000 of the range apart weigh as the slider says.
    const keep = weight ** Math.max(1e-3, (here - before) * scale * 0.1);
    before = here;
    mean = mean * keep + value * (1 - keep || 1e-12);
    bias = bias * keep + (1 - keep || 1e-12);
    return mean / bias;
  });
}

/** Adds live points; keeps order and drops what is already there. */
export function extend(points: Points, step: number, value: number | null, time: number): void {
  const last = points.steps.length - 1;
  if (last >= 0 && step < (points.steps[last] ?? 0)) {
    // A newer attempt goes on from a checkpoint: its points replace those behind it.
    let keep = points.steps.findIndex((known) => known >= step);
    if (keep < 0) keep = points.steps.length;
    for (const list of [points.steps, points.values, points.times]) list.length = keep;
  } else if (last >= 0 && step === points.steps[last]) {
    points.values[last] = value;
    return;
  }
  points.steps.push(step);
  points.values.push(value);
  points.times.push(time);
}
