// Keys: Ctrl/⌘ K opens the palette, `?` the list of keys, `g` then a letter goes, `/` filters, `j k` move over rows, `x` ticks one,
// Enter opens it (its link has the focus), `c` starts a new job. Single keys never fire in a field or while an input method composes.

const GO: Record<string, string> = { h: "home", d: "datasets", j: "jobs", m: "models", e: "endpoints", p: "playground" };
const FIELDS = "textarea,select,[contenteditable],dialog[open],.menu,.plot,input:not([type=checkbox],[type=radio],[type=button],[type=submit])";
const PATIENCE = 1000; // milliseconds between `g` and its letter

let afterG = 0;

/** Whether this key press may be a single-key command: allowed by its owner, and not typed into anything. */
export function isCommand(event: KeyboardEvent): boolean {
  if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return false;
  return document.documentElement.dataset.keys !== "off" && !(event.target as HTMLElement).closest(FIELDS);
}

export function startKeys(): void {
  const jump = document.querySelector(".jump .kbd");
  if (jump && /Mac|iP/.test(navigator.platform)) jump.textContent = "⌘K";
  document.addEventListener("keydown", (event) => {
    if (!event.isComposing && event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
      event.preventDefault();
      const palette = document.querySelector<HTMLDialogElement>("#palette");
      if (!palette?.open && !document.querySelector("dialog:modal")) palette?.showModal();
      else if (palette?.open) palette.close();
    } else if (isCommand(event) && (!event.repeat || "jk".includes(event.key)) && command(event.key)) event.preventDefault();
  });
}

/** Carries a key out; false when it means nothing here. */
function command(key: string): boolean {
  const gone = Date.now() - afterG < PATIENCE ? GO[key] : undefined;
  afterG = key === "g" ? Date.now() : 0;
  if (gone) return click(`.side [data-go="${gone}"]`);
  if (key === "?") return open("#keys");
  if (key === "c") return click("[data-go=new-job]") || visit(document.querySelector<HTMLElement>(".shell")?.dataset.newJob);
  if (key === "/") return focus(document.querySelector<HTMLElement>("main input[type=search]"));
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  if (key === "x") return tick();
  return key === "g";
}

function click(selector: string): boolean {
  const found = document.querySelector<HTMLElement>(selector);
  found?.click();
  return found !== null;
}

function visit(address: string | undefined): boolean {
  if (address) location.assign(address);
  return Boolean(address);
}

function open(selector: string): boolean {
  const dialog = document.querySelector<HTMLDialogElement>(selector);
  dialog?.showModal();
  return dialog !== null;
}

function focus(element: HTMLElement | null): boolean {
  element?.focus();
  if (element instanceof HTMLInputElement) element.select();
  return element !== null;
}

/** The row the focus is in, among all that can be walked over. */
function here(): { rows: HTMLElement[]; at: number } {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")].filter((row) => row.checkVisibility());
  return { rows, at: rows.findIndex((row) => row.contains(document.activeElement)) };
}

function step(way: 1 | -1): boolean {
  const { rows, at } = here();
  const next = rows[at < 0 ? (way > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + way, 0), rows.length - 1)];
  next?.scrollIntoView({ block: "nearest" });
  return focus(next?.querySelector<HTMLElement>("a[href]") ?? null);
}

function tick(): boolean {
  const { rows, at } = here();
  const box = rows[at]?.querySelector<HTMLInputElement>("input[type=checkbox][data-tick]");
  box?.click();
  return Boolean(box);
}
