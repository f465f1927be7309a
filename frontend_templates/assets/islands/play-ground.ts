// <play-ground>: calls the public inference API exactly as the shown code does, with the short-lived key of this page.
import { h, icon, say, wordsOf } from "../lib/dom";
import { count, figure } from "../lib/format";
import { problemOf } from "../lib/http";

interface Label {
  label: string;
  score: number;
}

class PlayGround extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #out!: HTMLElement;
  #run!: HTMLButtonElement;
  #abort: AbortController | null = null;
  #picture: File | null = null;

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#out = h("div", { class: "talk", "aria-live": "off" });
    const task = this.dataset.task ?? "";
    const image = task.startsWith("image");
    this.#run = h("button", { class: "btn primary", type: "submit" }, icon("send"), this.#words("send"));
    this.#run.hidden = image; // a picture is sent as soon as it is chosen
    const form = h("form", { class: "stack body" }, image ? this.#picker() : this.#field(), this.#bottom(!image));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#abort) this.#abort.abort();
      else void (image ? this.#classifyImage() : task === "text-generation" ? this.#generate(form) : this.#classify(form));
    });
    this.replaceChildren(this.#out, form);
  }

  disconnectedCallback(): void {
    this.#abort?.abort();
  }

  #bottom(keys: boolean): HTMLElement {
    const hint = keys ? h("span", { class: "fine" }, this.#words("keys")) : null;
    return h("div", { class: "flex items-center justify-between gap-2" }, h("span", {}, hint), this.#run);
  }

  #field(): HTMLElement {
    const area = h("textarea", { class: "input", name: "inputs", rows: 3, required: true, "aria-label": this.#words("input") });
    area.placeholder = this.#words("input");
    area.value = this.dataset.example ?? "";
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.#abort) area.form?.requestSubmit();
    });
    return area;
  }

  #picker(): HTMLElement {
    const input = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/bmp,image/gif", class: "sr" });
    const take = (file: File | null | undefined): void => {
      if (!file) return;
      this.#picture = file;
      this.#run.hidden = false;
      this.querySelector("form")?.requestSubmit();
    };
    input.addEventListener("change", () => take(input.files?.[0]));
    const choose = h("label", { class: "btn" }, icon("upload"), this.#words("picture"), input);
    const zone = h("div", { class: "drop" }, icon("image"), h("span", {}, this.#words("drop")), h("span", { class: "acts" }, choose));
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      take(event.dataTransfer?.files[0]);
    });
    return zone;
  }

  // ---- calls --------------------------------------------------------------------------------------------------
  async #call(url: string, body: BodyInit, type: string): Promise<Response> {
    this.#abort = new AbortController();
    this.#run.replaceChildren(icon("square"), this.#words("stop"));
    const headers: Record<string, string> = { Authorization: `Bearer ${this.dataset.token}`, "Content-Type": type };
    const revision = this.#option("revision");
    if (revision) headers["X-Revision"] = revision;
    const response = await fetch(url, { method: "POST", headers, body, signal: this.#abort.signal, credentials: "omit" });
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401) throw new Error(this.#words("expired"));
    throw new Error([problem.detail, problem.hint].filter(Boolean).join(" "));
  }

  async #guard(turn: HTMLElement, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if ((error as Error).name !== "AbortError")
        turn.append(h("p", { class: "tone-bad", role: "alert" }, (error as Error).message || this.#words("network")));
    } finally {
      this.#abort = null;
      this.#run.replaceChildren(icon("send"), this.#words("send"));
    }
  }

  async #classify(form: HTMLFormElement): Promise<void> {
    const text = new FormData(form).get("inputs") as string;
    const turn = this.#turn(text);
    await this.#guard(turn, async () => {
      const began = performance.now();
      const response = await this.#call(this.dataset.url ?? "", JSON.stringify({ inputs: text }), "application/json");
      const answer = (await response.json()) as Label[][] | Label[];
      this.#scores(turn, (Array.isArray(answer[0]) ? answer[0] : answer) as Label[], response, performance.now() - began);
    });
  }

  async #classifyImage(): Promise<void> {
    const file = this.#picture;
    if (!file) return;
    const picture = h("img", { alt: file.name, src: URL.createObjectURL(file), class: "max-h-64 rounded" });
    const turn = this.#turn(file.name, picture);
    await this.#guard(turn, async () => {
      const began = performance.now();
      const response = await this.#call(this.dataset.url ?? "", file, file.type || "application/octet-stream");
      this.#scores(turn, (await response.json()) as Label[], response, performance.now() - began);
    });
  }

  async #generate(form: HTMLFormElement): Promise<void> {
    const prompt = new FormData(form).get("inputs") as string;
    const turn = this.#turn(prompt);
    const text = h("p", { class: "caret" });
    turn.append(text);
    const body: Record<string, unknown> = { model: this.dataset.model, prompt, stream: true, stream_options: { include_usage: true } };
    for (const name of ["temperature", "top_p", "max_tokens", "seed"]) {
      const value = this.#option(name);
      if (value !== "") body[name] = Number(value);
    }
    const began = performance.now();
    let first = 0;
    let pieces = 0;
    await this.#guard(turn, async () => {
      const response = await this.#call(this.dataset.completions ?? "", JSON.stringify(body), "application/json");
      for await (const piece of events(response)) {
        const part = (piece as { choices?: { text?: string }[] }).choices?.[0]?.text;
        if (!part) continue;
        first ||= performance.now() - began;
        pieces += 1;
        text.append(part);
        turn.scrollIntoView({ block: "nearest" });
      }
      say(text.textContent ?? "");
    });
    text.classList.remove("caret");
    if (!pieces) return;
    const seconds = (performance.now() - began - first) / 1000;
    const rate = seconds > 0 && pieces > 1 ? (pieces - 1) / seconds : 0;
    turn.append(h("p", { class: "fine" }, this.#words("speed", { first: Math.round(first), rate: figure(rate), n: count(pieces) })));
  }

  #option(name: string): string {
    return document.querySelector<HTMLInputElement>(`[data-play-option="${name}"]`)?.value.trim() ?? "";
  }

  // ---- drawing ------------------------------------------------------------------------------------------------
  #turn(asked: string, extra?: HTMLElement): HTMLElement {
    const turn = h("div", { class: "turn" });
    this.#out.append(h("div", { class: "turn you" }, h("p", { class: "fine" }, this.#words("you")), h("p", {}, asked), extra ?? null), turn);
    turn.scrollIntoView({ block: "nearest" });
    return turn;
  }

  #scores(turn: HTMLElement, labels: Label[], response: Response, took: number): void {
    for (const { label, score } of labels.slice(0, 20)) {
      const fill = h("i", {});
      fill.style.width = `${score * 100}%`;
      turn.append(
        h("div", { class: "score" }, h("span", {}, label), h("span", { class: "prog" }, fill), h("span", { class: "num" }, figure(score))),
      );
    }
    const version = response.headers.get("X-Model-Version") ?? "";
    turn.append(h("p", { class: "fine" }, this.#words("took", { ms: Math.round(took), version })));
    const best = labels[0];
    if (best) say(`${best.label} ${figure(best.score)}`);
  }
}

/** The `data:` lines of a server-sent stream, parsed. Throws the error an event carries. */
async function* events(response: Response): AsyncGenerator<unknown> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      const piece = JSON.parse(data) as { error?: { message?: string } };
      if (piece.error) throw new Error(piece.error.message);
      yield piece;
    }
  }
}

customElements.define("play-ground", PlayGround);
