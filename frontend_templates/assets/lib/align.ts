// Curves on one x axis: joined, thinned of nothing, with the range their y axis should show.

export type Column = (number | null)[];

/** Several curves with ascending x on the union of their x values. One pass over each; curves that share their x are not copied. */
export function align(curves: { x: number[]; y: Column }[]): { x: number[]; ys: Column[] } {
  const [first] = curves;
  if (!first) return { x: [], ys: [] };
  if (curves.every((curve) => same(curve.x, first.x))) return { x: first.x, ys: curves.map((curve) => curve.y) };
  const x = curves.slice(1).reduce((all, curve) => union(all, curve.x), first.x);
  return { x, ys: curves.map((curve) => spread(curve, x)) };
}

function same(a: number[], b: number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}

function union(a: number[], b: number[]): number[] {
  const out: number[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const left = a[i] ?? Infinity;
    const right = b[j] ?? Infinity;
    if (left <= right) i += 1;
    if (right <= left) j += 1;
    const next = Math.min(left, right);
    if (out.at(-1) !== next) out.push(next);
  }
  return out;
}

function spread(curve: { x: number[]; y: Column }, x: number[]): Column {
  const out: Column = new Array<number | null>(x.length).fill(null);
  for (let at = 0, own = 0; at < x.length && own < curve.x.length; at += 1)
    while (own < curve.x.length && (curve.x[own] ?? Infinity) <= (x[at] ?? 0)) {
      out[at] = curve.y[own] ?? null;
      own += 1;
    }
  return out;
}

/** The y range of what lies between two x. outliers: false = without the outermost two of a hundred values at either end. */
export function reach(x: number[], ys: Column[], from: number, to: number, outliers: boolean): [number, number] | null {
  const values: number[] = [];
  let [low, high] = [Infinity, -Infinity];
  for (const y of ys)
    for (let at = 0; at < x.length; at += 1) {
      const value = y[at];
      const here = x[at] ?? 0;
      if (value === null || value === undefined || here < from || here > to) continue;
      if (!outliers) values.push(value);
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  if (low > high) return null;
  if (outliers || values.length < 20) return [low, high];
  const sorted = Float64Array.from(values).sort();
  const share = (part: number): number => sorted[Math.round(part * (sorted.length - 1))] ?? 0;
  return [share(0.02), share(0.98)];
}

/** Room around a range; one value alone stands in the middle of a range of its own size. */
export function padded(low: number, high: number): [number, number] {
  const room = high > low ? (high - low) * 0.06 : Math.abs(low) * 0.1 || 1;
  return [low - room, high + room];
}
