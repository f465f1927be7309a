// Figures and times as the pages write them: 1,840 · 4.1 MB · 14:02:31 · 2e-4.

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const count = (value: number): string => grouped.format(value);

/** Four significant digits; below 0.001 as 2e-4. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001) return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  if (size >= 10000) return grouped.format(value);
  return String(Number(value.toPrecision(4)));
}

/** Bytes in the unit a person reads, decimal. */
export function bytes(value: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const clockFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
export const clock = (when: Date | number): string => clockFormat.format(when);

const minuteFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hour12: false });
const dayFormat = new Intl.DateTimeFormat("en-GB", { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false });

/** 14:02 of a Unix time in the reader's zone; day: with its date, 11-23 14:02. */
export const minute = (seconds: number, day = false): string => {
  if (!day) return minuteFormat.format(seconds * 1000);
  const parts = Object.fromEntries(dayFormat.formatToParts(seconds * 1000).map((part) => [part.type, part.value]));
  return `${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
};

/** 1:02:03 or 2:03, seconds in. */
export function elapsed(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
