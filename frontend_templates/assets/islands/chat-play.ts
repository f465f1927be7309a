// <chat-play>: calls the public inference API exactly as the shown code does, with the short-lived key of this page.
import { type Asked, type Call, callOf, type Inputs, type Message, type PlayConfig } from "../lib/calls";
import { h, icon, say, wordsOf } from "../lib/dom";
import { problemOf } from "../lib/http";
import { Answer, type Label } from "../lib/answers";
import { Panel } from "../lib/playpanel";
import { events } from "../lib/stream";

/** One version that is asked. history: the turns it has seen, with its own answers. */
interface Column {
  revision: string;
  history: Message[];
  running: { name: string; abort: AbortController } | null;
}

const PICTURES = "image/png,image/jpeg,image/webp,image/bmp,image/gif";

class ChatPlay extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #config!: PlayConfig;
  #panel!: Panel;
  #columns: Column[] = [];
  #head = h("div", { class: "columns" });
  #talk = h("div", { class: "talk", "aria-live": "off" });
  #fields: HTMLTextAreaElement[] = []; // none where a picture is asked about, two for a pair of texts
  #picture: File | null = null;
  #send = h("button", { class: "btn primary", type: "submit" });
  #note = h("span", { class: "fine", role: "status" });
  #form!: HTMLFormElement;
  #urls: string[] = [];
  #act = (event: Event): void => this.#acted((event.target as HTMLElement).closest<HTMLElement>("[data-play]")?.dataset.play);

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#config = JSON.parse(document.getElementById("play-config")?.textContent ?? "{}") as PlayConfig;
    const query = new URLSearchParams(location.search);
    this.#columns = [column(this.#known(query.get("revision")))];
    if (query.has("compare")) this.#columns.push(column(this.#known(query.get("compare"))));
    const image = this.#config.kind === "image";
    this.#form = h("form", {}, image ? this.#picker() : this.#writers(), this.#bottom(image));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#ask();
    });
    this.replaceChildren(this.#head, this.#talk, this.#form);
    this.#panel = new Panel(this.#config, this.#words, () => this.#showCode());
    document.addEventListener("click", this.#act);
    this.#clear();
    this.#draw();
  }

  disconnectedCallback(): void {
    document.removeEventListener("click", this.#act);
    this.#stop();
    this.#panel.leave();
    this.#urls.forEach((url) => URL.revokeObjectURL(url));
  }

  #known(revision: string | null): string {
    return this.#config.revisions.some((row) => String(row.revision) === revision) ? String(revision) : "";
  }

  #stop(): void {
    for (const each of this.#columns) each.running?.abort.abort();
  }

  // ---- what surrounds the talk --------------------------------------------------------------------------------
  #draw(): void {
    this.style.setProperty("--columns", String(this.#columns.length));
    const several = this.#config.revisions.length > 1;
    this.#head.hidden = !several;
    this.#head.replaceChildren(...(several ? this.#columns.map((each, place) => this.#who(each, place)) : []));
    const both = this.#columns.length > 1;
    for (const field of this.#fields) {
      const chat = this.#config.kind === "chat";
      field.placeholder = this.#words(chat ? (both ? "message_both" : "message") : this.#config.kind === "completion" ? "prompt" : "input");
    }
    this.#busy();
    const compare = document.querySelector<HTMLElement>('[data-play="compare"]');
    if (compare) compare.hidden = both;
    const query = new URLSearchParams(location.search);
    for (const [place, name] of ["revision", "compare"].entries()) {
      const each = this.#columns[place];
      if (each && (place || each.revision)) query.set(name, each.revision || "any");
      else query.delete(name);
    }
    const text = query.toString();
    history.replaceState(history.state, "", `${location.pathname}${text ? `?${text}` : ""}`);
    this.#showCode();
  }

  #who(each: Column, place: number): HTMLElement {
    const select = h("select", { class: "input sm auto min-w-0", "aria-label": this.#words("version") }, h("option", { value: "" }, this.#words("as_traffic")));
    for (const row of this.#config.revisions) select.append(h("option", { value: row.revision }, row.title));
    select.value = each.revision;
    select.addEventListener("change", () => {
      each.revision = select.value;
      this.#draw();
    });
    const row = this.#config.revisions.find((known) => String(known.revision) === each.revision);
    const swatch = h("i", { class: "swatch mr-0!" });
    swatch.style.background = `var(--s${place + 1})`;
    const close = h("button", { class: "btn quiet ico sm", type: "button", "aria-label": this.#words("close") }, icon("x"));
    close.addEventListener("click", () => {
      each.running?.abort.abort();
      this.#columns.splice(place, 1);
      this.#clear();
      this.#draw();
    });
    const traffic = row ? h("span", { class: "meta truncate" }, this.#words("traffic", { n: row.traffic })) : null;
    return h("div", { class: "who" }, swatch, select, traffic, place > 0 && close);
  }

  #bottom(image: boolean): HTMLElement {
    const key = (name: string): HTMLElement => h("kbd", { class: "kbd" }, name);
    const keys = h("span", { class: "fine flex flex-wrap gap-x-2 items-center" }, key("Enter"), this.#words("sends"), key("Shift"), key("Enter"), this.#words("breaks"));
    return h("div", { class: "flex flex-wrap items-center justify-between gap-2" }, image ? h("span", {}) : keys, h("span", { class: "flex gap-3 items-center ml-auto" }, this.#note, image ? null : this.#send));
  }

  #writers(): HTMLElement {
    const { pair, example } = this.#config;
    if (!pair.length) return this.#writer("inputs", this.#words("input"), example);
    const labelled = pair.map(({ name, label, value }) => h("label", { class: "field" }, label, this.#writer(name, label, value)));
    return h("div", { class: "stack" }, ...labelled);
  }

  #writer(name: string, label: string, value: string): HTMLElement {
    const area = h("textarea", { class: "input", name, rows: 3, required: true, autocomplete: "off", "aria-label": label });
    area.value = value;
    let composing = false;
    area.addEventListener("compositionstart", () => (composing = true));
    // Some browsers end the composition before they report the Enter that ended it.
    area.addEventListener("compositionend", () => setTimeout(() => (composing = false), 0));
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || composing || event.keyCode === 229) return;
      event.preventDefault();
      if (!this.#running()) this.#form.requestSubmit();
    });
    area.addEventListener("input", () => this.#showCode());
    this.#fields.push(area);
    return area;
  }

  #picker(): HTMLElement {
    const input = h("input", { type: "file", accept: PICTURES, class: "sr" });
    const wrong = h("p", { class: "tone-bad", role: "alert" });
    const take = (file: File | null | undefined): void => {
      if (!file) return;
      wrong.textContent = PICTURES.split(",").includes(file.type) ? "" : this.#words("no_image");
      if (wrong.textContent) return;
      this.#picture = file;
      this.#showCode();
      if (!this.#running()) this.#form.requestSubmit();
    };
    input.addEventListener("change", () => take(input.files?.[0]));
    const choose = h("label", { class: "btn" }, icon("upload"), this.#words("picture"), input);
    const zone = h("div", { class: "drop m-0!" }, icon("image"), h("span", {}, this.#words(matchMedia("(hover: none)").matches ? "no_picture" : "drop")), h("span", { class: "acts" }, choose));
    for (const kind of ["dragover", "dragleave", "drop"])
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.toggle("over", kind === "dragover");
        if (kind === "drop") take((event as DragEvent).dataTransfer?.files[0]);
      });
    return h("div", {}, zone, wrong);
  }

  #acted(what: string | undefined): void {
    if (what === "compare" && this.#columns.length < 2) {
      const [first, second] = this.#config.revisions;
      const only = this.#columns[0];
      if (only && !only.revision) only.revision = String(first?.revision ?? "");
      const other = this.#config.revisions.find((row) => String(row.revision) !== only?.revision) ?? second;
      this.#columns.push(column(String(other?.revision ?? "")));
      this.#stop();
      this.#clear();
      this.#draw();
    }
    if (what === "clear") {
      this.#stop();
      this.#clear();
    }
  }

  #clear(): void {
    for (const each of this.#columns) each.history = [];
    this.#talk.replaceChildren(h("p", { class: "meta p-4" }, this.#words(this.#config.kind === "image" ? "start_picture" : "start")));
    if (this.#panel) this.#showCode();
  }

  #running(): boolean {
    return this.#columns.some((each) => each.running);
  }

  #busy(): void {
    const running = this.#columns.filter((each) => each.running);
    this.#send.disabled = running.length > 0;
    this.#send.replaceChildren(icon("send"), this.#words(this.#columns.length > 1 ? "send_both" : "send"));
    this.#note.textContent = running.length && this.#columns.length > 1 ? this.#words("answers", { name: running.map((each) => each.running?.name).join(", ") }) : "";
  }

  // ---- asking -------------------------------------------------------------------------------------------------
  #asked(each: Column, text: string): Asked {
    const messages: Message[] = [...each.history, { role: "user", content: text }];
    return { text, inputs: this.#inputs(text), messages, file: this.#picture, values: this.#panel.values(), revision: each.revision };
  }

  get #text(): string {
    return this.#fields.map((field) => field.value).join("\n");
  }

  #inputs(text: string): Inputs {
    return this.#config.pair.length ? Object.fromEntries(this.#fields.map((field) => [field.name, field.value])) : text;
  }

  #showCode(): void {
    const first = this.#columns[0];
    if (first) this.#panel.show(this.#asked(first, this.#text));
  }

  async #ask(): Promise<void> {
    const text = this.#text;
    const empty = this.#fields.length ? this.#fields.some((field) => !field.value.trim()) : !this.#picture;
    if (this.#running() || empty) return;
    this.#showCode();
    this.querySelector(".talk > .meta")?.remove();
    this.#talk.append(this.#you(text));
    const row = h("div", { class: "columns" });
    this.#talk.append(row);
    const work = this.#columns.map((each) => {
      const place = h("div", { class: "turn" });
      row.append(place);
      return this.#answer(each, this.#asked(each, text), place);
    });
    const [field] = this.#fields;
    if (field && this.#config.kind === "chat") field.value = "";
    row.scrollIntoView({ block: "nearest" });
    await Promise.all(work);
    field?.focus({ preventScroll: true });
  }

  #you(text: string): HTMLElement {
    const turn = h("div", { class: "turn you" }, h("p", { class: "fine mt-0!" }, this.#words("you")));
    if (!this.#picture) turn.append(h("p", {}, text));
    else {
      const src = URL.createObjectURL(this.#picture);
      this.#urls.push(src);
      turn.append(h("p", {}, this.#picture.name), h("img", { alt: this.#picture.name, src, class: "max-h-96 rounded mt-1" }));
    }
    return turn;
  }

  /** Asks one version and draws what it says; asking again replaces the answer, and in a chat what came after it is forgotten. */
  async #answer(each: Column, asked: Asked, place: HTMLElement): Promise<void> {
    const before = asked.messages.slice(0, -1);
    const name = this.#config.revisions.find((row) => String(row.revision) === each.revision)?.name ?? this.#config.endpoint;
    const running = { name, abort: new AbortController() };
    each.running = running;
    this.#busy();
    const answer = new Answer(place, this.#words, running.abort, () => {
      if (!each.running) void this.#answer(each, { ...asked, values: this.#panel.values(), revision: each.revision }, place);
    });
    try {
      const call = await callOf(this.#config, asked);
      const response = await this.#fetch(call, running.abort.signal);
      const revision = this.#config.revisions.find((row) => String(row.revision) === response.headers.get("X-Revision"));
      answer.speaker(revision?.name ?? response.headers.get("X-Model-Version") ?? "");
      if (!call.stream) answer.labels(scores(await response.json()));
      else for await (const piece of events(response)) answer.piece(piece);
      answer.end(false);
    } catch (error) {
      const stopped = (error as Error).name === "AbortError";
      answer.end(stopped);
      if (!stopped) answer.failed(error instanceof TypeError ? this.#words("network") : (error as Error).message);
    } finally {
      each.running = null;
      this.#busy();
    }
    if (answer.text) each.history = [...before, { role: "user", content: asked.text }, { role: "assistant", content: answer.text }];
    if (answer.text) say(answer.text);
  }

  async #fetch(call: Call, signal: AbortSignal, again = true): Promise<Response> {
    const headers = { ...call.headers, Authorization: `Bearer ${this.#config.token}` };
    const body = call.body instanceof File ? call.body : JSON.stringify(call.body);
    const response = await fetch(call.path, { method: "POST", headers, body, signal, credentials: "omit" });
    if (response.ok) return response;
    if (response.status === 401 && again && (await this.#panel.renew())) return this.#fetch(call, signal, false);
    if (response.status === 401) throw new Error(this.#words("expired"));
    const problem = await problemOf(response);
    throw new Error([problem.detail, problem.hint].filter(Boolean).join(" "));
  }
}

function column(revision: string): Column {
  return { revision, history: [], running: null };
}

function scores(answer: unknown): Label[] {
  const list = answer as Label[][] | Label[];
  return (Array.isArray(list[0]) ? list[0] : list) as Label[];
}

customElements.define("chat-play", ChatPlay);
