// The server writes times in UTC; here they become the reader's own.

function day(date: Date): number {
  return Math.floor((date.getTime() - date.getTimezoneOffset() * 60000) / 86400000);
}

const made = new Map<string, Intl.DateTimeFormat>();

/** A format, made once: making one takes far longer than using it. */
function written(date: Date, lang: string, options: Intl.DateTimeFormatOptions): string {
  const key = lang + JSON.stringify(options);
  const format = made.get(key) ?? new Intl.DateTimeFormat(lang, options);
  made.set(key, format);
  return format.format(date);
}

/** `clock`, `date` or `when` (today 13:48 · yesterday · 11-19) in the reader's zone; the exact time is in the title. */
export function localTimes(root: ParentNode): void {
  const lang = document.documentElement.lang;
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[datetime]:not([data-local])")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    element.dataset.local = "";
    element.title = written(date, lang, { dateStyle: "long", timeStyle: "long", hourCycle: "h23" });
    const clock = written(date, "en-GB", { hour: "2-digit", minute: "2-digit" });
    const plain = written(date, lang, { day: "numeric", month: "short", year: sameYear(date) ? undefined : "numeric" });
    const kind = element.dataset.form;
    if (kind === "clock") element.textContent = clock;
    else if (kind === "date") element.textContent = plain;
    else if (kind === "seconds") element.textContent = written(date, "en-GB", { timeStyle: "medium" });
    else if (kind === "ago") element.textContent = passed(date, lang);
    else {
      const ago = day(new Date()) - day(date);
      const word = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
      element.textContent = ago === 0 || ago === 1 ? `${word.format(-ago, "day")} ${clock}` : `${plain} ${clock}`;
    }
  }
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** "3 min ago", in the largest unit that fits. */
function passed(date: Date, lang: string): string {
  const seconds = Math.max(0, (Date.now() - date.getTime()) / 1000);
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? (["second", 1] as const);
  return new Intl.RelativeTimeFormat(lang, { style: "narrow" }).format(-Math.floor(seconds / size), unit);
}

function sameYear(date: Date): boolean {
  return date.getFullYear() === new Date().getFullYear();
}
