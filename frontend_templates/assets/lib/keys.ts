// Keys: Ctrl/⌘ K searches, `/` filters, `g` then a letter goes, `c` starts a new job. Never inside a field or an IME.

const GO: Record<string, string> = { h: "home", d: "datasets", j: "jobs", m: "models", e: "endpoints", p: "playground" };

let afterG = 0;

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.querySelector<HTMLElement>(".jump")?.click();
      return;
    }
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input,textarea,select,[contenteditable],dialog,.plot")) return;
    if (event.key === "g") afterG = Date.now();
    else if (Date.now() - afterG < 1000 && GO[event.key]) {
      afterG = 0;
      document.querySelector<HTMLAnchorElement>(`.side [data-go="${GO[event.key]}"]`)?.click();
    } else if (event.key === "/") {
      event.preventDefault();
      document.querySelector<HTMLInputElement>("main input[type=search]")?.focus();
    } else if (event.key === "c") document.querySelector<HTMLAnchorElement>("[data-go=new-job]")?.click();
  });
}
