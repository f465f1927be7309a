// The server writes times in UTC; here they become the reader's own.

function day(date: Date): number {
  return Math.floor((date.getTime() - date.getTimezoneOffset() * 60000) / 86400000);
}

/** `clock`, `date` or `when` (today 13:48 · yesterday · 11-19) in the reader's zone; the exact time is in the title. */
export function localTimes(root: ParentNode): void {
  const lang = document.documentElement.lang;
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[datetime]:not([data-local])")) {
    const date = new Date(element.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    element.dataset.local = "";
    element.title = new Intl.DateTimeFormat(lang, { dateStyle: "long", timeStyle: "long", hourCycle: "h23" }).format(date);
    const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(date);
    const plain = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", year: sameYear(date) ? undefined : "numeric" }).format(date);
    const kind = element.dataset.form;
    if (kind === "clock") element.textContent = clock;
    else if (kind === "date") element.textContent = plain;
    else {
      const ago = day(new Date()) - day(date);
      const word = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
      element.textContent = ago === 0 || ago === 1 ? `${word.format(-ago, "day")} ${clock}` : `${plain} ${clock}`;
    }
  }
}

function sameYear(date: Date): boolean {
  return date.getFullYear() === new Date().getFullYear();
}
