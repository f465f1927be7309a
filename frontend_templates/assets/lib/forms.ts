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

function release(form: HTMLFormElement): void {
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}
