// Forms: a pressed submit says it is busy and cannot be pressed twice; a select may send its form at once.

export function startForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || form.method !== "post" || form.matches("[data-theme-form]")) return;
    if (form.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
    const button = (event as SubmitEvent).submitter;
    button?.setAttribute("aria-busy", "true");
    setTimeout(() => release(form), 8000);
  });
  addEventListener("pageshow", () => document.querySelectorAll<HTMLFormElement>("form[aria-busy]").forEach(release));
  document.addEventListener("htmx:finally:request", (event) => {
    const form = (event.target as HTMLElement).closest?.("form");
    if (form) release(form);
  });
  patient();
  document.addEventListener("htmx:after:swap", () => document.querySelectorAll<HTMLFormElement>("form[data-redrawn]").forEach(redrawn));
  document.addEventListener("input", (event) => {
    const field = event.target as HTMLInputElement;
    if (field.dataset?.filter) filter(field);
  });
  document.addEventListener("change", (event) => {
    const field = event.target as HTMLElement;
    if (field.matches("[data-send]")) (field as HTMLSelectElement).form?.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    const reveal = (event.target as HTMLElement).closest<HTMLElement>("[data-reveal]");
    const field = reveal && document.getElementById(reveal.dataset.reveal ?? "");
    if (!(field instanceof HTMLInputElement)) return;
    field.type = field.type === "password" ? "text" : "password";
    reveal?.setAttribute("aria-pressed", String(field.type === "text"));
  });
  const wrong = document.querySelector<HTMLElement>("[data-errors]");
  wrong?.focus();
}

/** While an input method composes, a field that searches as one types says nothing; then it says once what came of it. */
function patient(): void {
  const searches = (event: Event): HTMLInputElement | null => {
    const field = event.target;
    return field instanceof HTMLInputElement && (field.type === "search" || field.matches("[hx-trigger*=input]")) ? field : null;
  };
  const hush = (event: Event): void => {
    if ((event as InputEvent).isComposing && searches(event)) event.stopImmediatePropagation();
  };
  for (const name of ["input", "keyup", "keydown"]) addEventListener(name, hush, true);
  addEventListener("compositionend", (event) => searches(event)?.dispatchEvent(new InputEvent("input", { bubbles: true })));
}

/** A form the server has drawn again shows what the server says, also where somebody had chosen otherwise; not where one is typing. */
function redrawn(form: HTMLFormElement): void {
  for (const field of form.elements) {
    if (field instanceof HTMLSelectElement) {
      for (const option of field.options) option.selected = option.defaultSelected;
    } else if (!(field instanceof HTMLInputElement)) continue;
    else if (field.type === "radio" || field.type === "checkbox") field.checked = field.defaultChecked;
    else if (field.type !== "file" && field !== document.activeElement) field.value = field.defaultValue;
  }
}

/** `data-filter="#table"`: rows without the text are hidden. */
function filter(field: HTMLInputElement): void {
  const text = field.value.trim().toLowerCase();
  for (const row of document.querySelectorAll<HTMLElement>(`${field.dataset.filter} tbody tr`)) row.hidden = !row.textContent?.toLowerCase().includes(text);
}

function release(form: HTMLFormElement): void {
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}
