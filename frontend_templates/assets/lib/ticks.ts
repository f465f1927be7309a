// Rows to tick: `form[data-ticks]` with `input[data-tick]` in its rows. Ticks outlive a reload of the rows; shift ticks a range;
// `[data-ticked]` says how many, and a button with `data-least` waits for as many. Whether the bar shows is the style sheet's: it needs no script.

const kept = new WeakMap<HTMLFormElement, Set<string>>();
let last: HTMLInputElement | null = null;

const boxes = (form: HTMLFormElement): HTMLInputElement[] => [...form.querySelectorAll<HTMLInputElement>("input[data-tick]")];

export function startTicks(): void {
  document.addEventListener("click", (event) => {
    const box = event.target as HTMLInputElement;
    if (!box.matches?.("input[data-tick]") || !box.form) return;
    const all = boxes(box.form);
    const [from, to] = [all.indexOf(last ?? box), all.indexOf(box)].sort((a, b) => a - b);
    if (event.shiftKey && from !== undefined && from >= 0) for (const each of all.slice(from, to)) each.checked = box.checked;
    last = box;
    remember(box.form);
  });
  document.addEventListener("change", (event) => {
    const box = event.target as HTMLInputElement;
    if (box.matches("input[data-tick]") && box.form) remember(box.form);
  });
  document.addEventListener("reset", (event) => setTimeout(() => remember(event.target as HTMLFormElement)));
  document.addEventListener("htmx:after:swap", restore);
  addEventListener("pageshow", restore); // going back leaves the boxes as they were
}

function remember(form: HTMLFormElement): void {
  kept.set(form, new Set(boxes(form).flatMap((box) => (box.checked ? [box.value] : []))));
  tell(form);
}

function restore(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-ticks]")) {
    const values = kept.get(form);
    if (values) for (const box of boxes(form)) box.checked = values.has(box.value);
    tell(form);
  }
}

function tell(form: HTMLFormElement): void {
  const ticked = boxes(form).filter((box) => box.checked);
  for (const box of boxes(form)) box.closest("tr")?.classList.toggle("picked", box.checked);
  for (const button of form.querySelectorAll<HTMLButtonElement>("button[data-least]")) button.disabled = ticked.length < Number(button.dataset.least);
  const place = form.querySelector<HTMLElement>("[data-ticked]");
  if (place) place.textContent = (place.dataset.ticked ?? "").replace("%(n)s", String(ticked.length));
}
