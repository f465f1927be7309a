// What stands beside the talk: the parameters with their presets, the code of the call, the key it is made with.
import { type Asked, codeOf, type PlayConfig, type Values } from "./calls";
import { h, say, type wordsOf } from "./dom";
import { csrfToken, fetchJson } from "./http";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

export class Panel {
  #card = document.getElementById("parameters");
  #presets = this.#card?.querySelector<HTMLSelectElement>("#preset") ?? null;
  #forget = this.#card?.querySelector<HTMLButtonElement>('[data-play="forget"]') ?? null;
  #save = document.querySelector<HTMLFormElement>('form[data-play="save"]');
  #start = this.#raw();
  #left = new AbortController();

  constructor(
    private readonly config: PlayConfig,
    private readonly words: ReturnType<typeof wordsOf>,
    private readonly changed: () => void,
  ) {
    const { signal } = this.#left;
    this.#card?.addEventListener("input", (event) => this.#moved(event.target as HTMLElement), { signal });
    this.#presets?.addEventListener("change", () => this.#choose(), { signal });
    this.#forget?.addEventListener("click", () => void this.#drop(), { signal });
    this.#save?.addEventListener("submit", (event) => void this.#keep(event), { signal });
    this.#card?.querySelector('[data-play="reset"]')?.addEventListener("click", () => this.#set(this.#start), { signal });
  }

  leave(): void {
    this.#left.abort();
  }

  /** What is set, by name: numbers as numbers, lines as a list, nothing for an empty field. */
  values(): Values {
    const out: Values = {};
    for (const field of this.#fields()) {
      const name = field.dataset.field ?? "";
      const text = field.value.trim();
      if (!text) continue;
      if (field.hasAttribute("data-lines")) out[name] = field.value.split("\n").filter((line) => line);
      else out[name] = field instanceof HTMLInputElement && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    return out;
  }

  show(asked: Asked): void {
    const code: Record<string, string> = codeOf(this.config, asked);
    for (const block of document.querySelectorAll<HTMLElement>("#play-code [data-lang-block]")) {
      const text = code[block.dataset.langBlock ?? ""];
      const place = block.querySelector("pre");
      if (text && place && place.textContent !== text) place.textContent = text;
    }
  }

  /** A fresh key when the page has stood longer than its key lives; false when the person is signed out. */
  async renew(): Promise<boolean> {
    try {
      this.config.token = (await fetchJson<{ token: string }>(this.config.renew, { method: "POST" })).token;
      return true;
    } catch {
      return false;
    }
  }

  #fields(): Field[] {
    return [...(this.#card?.querySelectorAll<Field>("[data-field]") ?? [])];
  }

  #raw(): Record<string, string> {
    return Object.fromEntries(this.#fields().map((field) => [field.dataset.field ?? "", field.value]));
  }

  #moved(target: HTMLElement): void {
    const { drag, field } = target.dataset;
    const twin = drag ? this.#card?.querySelector<HTMLInputElement>(`[data-field="${drag}"]`) : this.#card?.querySelector<HTMLInputElement>(`[data-drag="${field}"]`);
    if (twin && (drag || (target as HTMLInputElement).value)) twin.value = (target as HTMLInputElement).value;
    this.changed();
  }

  #set(values: Record<string, string>): void {
    for (const field of this.#fields()) {
      const name = field.dataset.field ?? "";
      field.value = values[name] ?? "";
      const slider = this.#card?.querySelector<HTMLInputElement>(`[data-drag="${name}"]`);
      if (slider && field.value) slider.value = field.value;
    }
    this.changed();
  }

  // ---- presets ------------------------------------------------------------------------------------------------
  #choose(): void {
    const preset = this.config.saved.find((row) => row.id === this.#presets?.value);
    if (this.#forget) this.#forget.disabled = !preset;
    const named = this.#save?.querySelector<HTMLInputElement>("[name=name]");
    if (named) named.value = preset?.name ?? "";
    this.#set(preset ? Object.fromEntries(Object.entries(preset.values).map(([key, value]) => [key, String(value)])) : this.#start);
  }

  async #keep(event: Event): Promise<void> {
    event.preventDefault();
    const named = this.#save?.querySelector<HTMLInputElement>("[name=name]");
    const name = named?.value.trim() ?? "";
    if (!name) return;
    const body = JSON.stringify({ task: this.config.task, name, values: this.#raw() });
    const headers = { "Content-Type": "application/json" };
    const made = await fetchJson<PlayConfig["saved"][number]>(this.config.presets, { method: "POST", body, headers }).catch((error: Error) => error);
    if (made instanceof Error) {
      named?.setCustomValidity(made.message);
      named?.reportValidity();
      named?.setCustomValidity("");
      return;
    }
    this.config.saved = [...this.config.saved.filter((row) => row.id !== made.id), made];
    if (![...(this.#presets?.options ?? [])].some((option) => option.value === made.id)) this.#presets?.append(h("option", { value: made.id }, made.name));
    if (this.#presets) this.#presets.value = made.id;
    if (this.#forget) this.#forget.disabled = false;
    this.#save?.closest("dialog")?.close();
    say(this.words("saved", { name }));
  }

  async #drop(): Promise<void> {
    const preset = this.config.saved.find((row) => row.id === this.#presets?.value);
    if (!preset) return;
    await fetch(`${this.config.presets}/${preset.id}`, { method: "DELETE", headers: { "X-CSRFToken": csrfToken() } });
    this.config.saved = this.config.saved.filter((row) => row !== preset);
    this.#presets?.querySelector(`option[value="${preset.id}"]`)?.remove();
    this.#choose();
    say(this.words("deleted", { name: preset.name }));
  }
}
