// <log-view>: a log of any length in a window of rows, 20 px each, read by line number from the API as it comes into view.
import { h, icon, say, wordsOf } from "../lib/dom";
import { copyText } from "../lib/copy";
import { clock, count, elapsed } from "../lib/format";
import type { JobEvent } from "../lib/live";
import { LogStore, type LogLine } from "../lib/logstore";
import { paint } from "../lib/ansi";

const ROW = 20;
const TALLEST = 12_000_000; // browsers cap an element's height near 17.9 million px
const PAGE = 1000;

class LogView extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #store!: LogStore;
  #viewport!: HTMLElement;
  #space!: HTMLElement;
  #more!: HTMLButtonElement;
  #follow!: HTMLButtonElement;
  #found!: HTMLElement;
  #time: "clock" | "elapsed" | "none" = "clock";
  #following = true;
  #seen = 0;
  #matches: number[] = [];
  #match = -1;
  #mark = "";
  #selected: [number, number] | null = null;
  #frame = 0;
  #onEvents = (event: Event): void => this.#live((event as CustomEvent<JobEvent[]>).detail);
  #onHash = (): void => this.#openHash();
  #resize = new ResizeObserver(() => this.#draw());

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#store = new LogStore(this.dataset.url ?? "", Number(this.dataset.total ?? 0), () => this.#draw());
    this.#build();
    document.addEventListener("job:events", this.#onEvents);
    addEventListener("hashchange", this.#onHash);
    this.#resize.observe(this.#viewport);
    const error = Number(this.dataset.error ?? 0);
    if (location.hash.startsWith("#L")) this.#openHash();
    else if (error) this.#goTo(error, true);
    else this.#toEnd();
  }

  disconnectedCallback(): void {
    document.removeEventListener("job:events", this.#onEvents);
    removeEventListener("hashchange", this.#onHash);
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  #build(): void {
    const words = this.#words;
    this.#follow = h("button", { class: "btn sm", type: "button", onclick: () => this.#toEnd() }, icon("arrow-down"), words("following"));
    this.#found = h("span", { class: "meta", role: "status" });
    const find = h("input", { class: "input sm", type: "search", placeholder: words("find"), "aria-label": words("find") });
    find.addEventListener("change", () => void this.#search(find.value));
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing && this.#matches.length) this.#step(event.shiftKey ? -1 : 1);
    });
    const up = h("button", { class: "btn sm ico", type: "button", "aria-label": words("previous"), onclick: () => this.#step(-1) }, icon("chevron-up"));
    const down = h("button", { class: "btn sm ico", type: "button", "aria-label": words("next"), onclick: () => this.#step(1) }, icon("chevron-down"));
    this.#more = h("button", { class: "btn sm more", type: "button", hidden: true, onclick: () => this.#toEnd() });
    this.#space = h("div", {});
    this.#viewport = h(
      "div",
      { class: "vp", role: "region", tabindex: 0, "aria-label": words("log") },
      this.#space,
    );
    this.#viewport.addEventListener("scroll", () => this.#scrolled());
    this.#viewport.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#viewport.addEventListener("keydown", (event) => this.#key(event));
    this.#viewport.addEventListener("click", (event) => this.#pick(event));
    const download = h("a", { class: "btn sm quiet", href: this.dataset.download ?? "", download: true }, icon("download"), words("download"));
    this.replaceChildren(
      h("div", { class: "bar" }, h("h2", {}, words("log")), this.#follow, h("span", { class: "end" }, this.#found, find, up, down, this.#levels(), this.#times(), download)),
      this.#viewport,
      this.#more,
    );
  }

  #levels(): HTMLSelectElement {
    const select = h("select", { class: "input sm auto", "aria-label": this.#words("level") });
    for (const level of ["", "info", "warning", "error"]) select.append(h("option", { value: level }, this.#words(`level_${level || "all"}`)));
    select.addEventListener("change", () => {
      this.#store.filter(select.value);
      this.#toEnd();
    });
    return select;
  }

  #times(): HTMLElement {
    const seg = h("span", { class: "seg", role: "group", "aria-label": this.#words("time") });
    for (const kind of ["clock", "elapsed"] as const)
      seg.append(
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(kind === this.#time),
            onclick: () => {
              this.#time = this.#time === kind ? "none" : kind;
              for (const [at, button] of [...seg.children].entries())
                button.setAttribute("aria-pressed", String(this.#time === (["clock", "elapsed"] as const)[at]));
              this.#draw();
            },
          },
          this.#words(kind),
        ),
      );
    return seg;
  }

  // ---- where we are -----------------------------------------------------------------------------------------
  get #rows(): number {
    return Math.max(1, Math.floor(this.#viewport.clientHeight / ROW));
  }

  get #height(): number {
    return Math.min(this.#store.length * ROW, TALLEST);
  }

  get #scaled(): boolean {
    return this.#store.length * ROW > TALLEST;
  }

  /** Index of the first row in view; fractional when not scaled. */
  get #first(): number {
    const top = this.#viewport.scrollTop;
    if (!this.#scaled) return top / ROW;
    const reach = this.#height - this.#viewport.clientHeight;
    return Math.round((top / reach) * (this.#store.length - this.#rows));
  }

  #moveTo(index: number): void {
    const last = Math.max(0, this.#store.length - this.#rows);
    const first = Math.min(Math.max(0, index), last);
    this.#space.style.height = `${this.#height}px`;
    this.#viewport.scrollTop = this.#scaled ? (first / last) * (this.#height - this.#viewport.clientHeight) : first * ROW;
    this.#draw();
  }

  #toEnd(): void {
    this.#following = true;
    this.#moveTo(this.#store.length);
    this.#viewport.scrollTop = this.#viewport.scrollHeight;
    this.#seen = this.#store.length;
    this.#draw();
  }

  #goTo(line: number, select = false): void {
    this.#following = false;
    if (select) this.#selected = [line, line];
    this.#moveTo(this.#store.indexOf(line) - Math.floor(this.#rows / 2));
  }

  #openHash(): void {
    const match = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash);
    if (!match) return;
    const from = Number(match[1]);
    this.#selected = [from, Number(match[2] ?? from)];
    this.#goTo(from);
  }

  // ---- what happens -----------------------------------------------------------------------------------------
  #live(batch: JobEvent[]): void {
    const fresh = batch.filter((event) => event.type === "log").map((event) => ({ time: event.time, ...event.data }) as unknown as LogLine);
    if (!fresh.length) return;
    this.#store.append(fresh);
    if (this.#following) this.#toEnd();
    else this.#draw();
  }

  #scrolled(): void {
    const end = this.#viewport.scrollTop + this.#viewport.clientHeight >= this.#viewport.scrollHeight - ROW;
    if (end !== this.#following) {
      this.#following = end;
      this.#seen = this.#store.length;
    }
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #wheel(event: WheelEvent): void {
    if (!this.#scaled || event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    this.#moveTo(this.#first + Math.sign(event.deltaY) * Math.max(1, Math.round(Math.abs(event.deltaY) / ROW)));
    this.#following = false;
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "f") this.#toEnd();
    else if (this.#scaled && event.key === "ArrowDown") this.#moveTo(this.#first + 1);
    else if (this.#scaled && event.key === "ArrowUp") this.#moveTo(this.#first - 1);
    else if (this.#scaled && event.key === "PageDown") this.#moveTo(this.#first + this.#rows);
    else if (this.#scaled && event.key === "PageUp") this.#moveTo(this.#first - this.#rows);
    else if ((event.ctrlKey || event.metaKey) && event.key === "c" && this.#selected && !getSelection()?.toString()) void this.#copy();
    else return;
    event.preventDefault();
  }

  #pick(event: MouseEvent): void {
    const link = (event.target as HTMLElement).closest("a");
    if (!link) return;
    event.preventDefault();
    const line = Number(link.textContent?.replace(/,/g, ""));
    const from = event.shiftKey && this.#selected ? this.#selected[0] : line;
    this.#selected = [Math.min(from, line), Math.max(from, line)];
    history.replaceState(history.state, "", `#L${this.#selected[0]}${from === line ? "" : `-L${this.#selected[1]}`}`);
    this.#following = false;
    this.#draw();
  }

  async #copy(): Promise<void> {
    const [from, to] = this.#selected ?? [0, -1];
    const lines = await this.#store.range(from, Math.min(to, from + PAGE));
    await copyText(lines.map((line) => line.text).join("\n"));
    say(this.#words("copied", { n: lines.length }));
  }

  async #search(text: string): Promise<void> {
    this.#mark = text;
    this.#matches = [];
    this.#match = -1;
    this.#found.textContent = "";
    if (text) {
      const matches = await this.#store.search(text, PAGE);
      if (this.#mark !== text) return;
      this.#matches = matches;
      if (this.#matches.length) return this.#step(-1);
      this.#found.textContent = this.#words("none");
    }
    this.#draw();
  }

  #step(by: number): void {
    if (!this.#matches.length) return;
    const n = this.#matches.length;
    this.#match = this.#match < 0 && by < 0 ? n - 1 : (this.#match + by + n) % n;
    this.#found.textContent = this.#words("match", { at: count(this.#match + 1), of: count(n) });
    this.#goTo(this.#matches[this.#match] ?? 1, true);
  }

  // ---- drawing ----------------------------------------------------------------------------------------------
  #draw(): void {
    this.#space.style.height = `${this.#height}px`;
    const first = this.#first;
    const from = Math.max(0, Math.floor(first) - 5);
    const lines = this.#store.view(from, this.#rows + 12);
    const base = this.#scaled ? this.#viewport.scrollTop - (first - from) * ROW : from * ROW;
    const rows = lines.map((line, at) => this.#row(line, base + at * ROW));
    this.#space.replaceChildren(...rows);
    this.#follow.setAttribute("aria-pressed", String(this.#following));
    const unseen = this.#store.length - this.#seen;
    this.#more.hidden = this.#following || unseen <= 0;
    if (!this.#more.hidden) this.#more.replaceChildren(icon("arrow-down"), this.#words("new", { n: count(unseen) }));
  }

  #row(line: LogLine | undefined, top: number): HTMLElement {
    const row = h("div", { class: `row ${line?.level ?? ""}` });
    row.style.transform = `translateY(${top}px)`;
    if (!line) return row;
    if (this.#selected && line.line >= this.#selected[0] && line.line <= this.#selected[1]) row.classList.add("on");
    row.append(h("a", { href: `#L${line.line}`, tabindex: -1 }, count(line.line)));
    const stamp = this.#stamp(line);
    if (stamp) row.append(h("time", {}, stamp));
    row.append(h("i", {}, (line.level?.[0] ?? "i").toUpperCase()), paint(line.text, this.#mark));
    return row;
  }

  #stamp(line: LogLine): string {
    if (this.#time === "none") return "";
    if (this.#time === "clock") return clock(new Date(line.time));
    return elapsed((Date.parse(line.time) - Date.parse(this.dataset.started ?? line.time)) / 1000);
  }
}

customElements.define("log-view", LogView);
