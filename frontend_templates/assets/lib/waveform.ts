// The loudness of a sound as bars on a canvas. A library would bring style sheets of its own, which our policy forbids.

const WIDTH = 3; // pixels of a bar and the gap after it
const MOST = 64 * 1024 * 1024; // bytes; a longer sound plays without its picture

/** The greatest loudness in each of `bars` parts, 0 to 1. Throws when the browser cannot decode it. */
export async function loudness(url: string, bars: number): Promise<number[]> {
  const answer = await fetch(url);
  if (!answer.ok || Number(answer.headers.get("Content-Length") ?? 0) > MOST) throw new Error("too large to draw");
  const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(await answer.arrayBuffer());
  const samples = sound.getChannelData(0);
  const size = Math.max(1, Math.floor(samples.length / bars));
  const peaks = Array.from({ length: bars }, (_, bar) => {
    let peak = 0;
    for (let i = bar * size; i < Math.min(samples.length, (bar + 1) * size); i += 1) peak = Math.max(peak, Math.abs(samples[i] ?? 0));
    return peak;
  });
  const loudest = Math.max(...peaks, 1e-6);
  return peaks.map((peak) => peak / loudest);
}

export const barsOf = (canvas: HTMLCanvasElement): number => Math.max(8, Math.floor(canvas.clientWidth / WIDTH));

/** Draws the bars; those before `played` (0 to 1) in the accent. */
export function draw(canvas: HTMLCanvasElement, peaks: number[], played: number): void {
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const look = getComputedStyle(canvas);
  const [before, after] = [look.getPropertyValue("accent-color"), look.getPropertyValue("color")];
  pen.scale(scale, scale);
  peaks.forEach((peak, bar) => {
    const tall = Math.max(2, peak * height);
    pen.fillStyle = bar / peaks.length < played ? before : after;
    pen.fillRect(bar * WIDTH, (height - tall) / 2, WIDTH - 1, tall);
  });
}
