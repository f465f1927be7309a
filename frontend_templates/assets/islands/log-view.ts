// <log-view>: a log of any length in a window of rows, read by line number from the API as it comes into view.
import { paint, plain, shown } from "../lib/ansi";
import { copyText } from "../lib/copy";
import { h, icon, say, wordsOf } from "../lib/dom";
import { clock, count, elapsed } from "../lib/format";
import { isCommand } from "../lib/keys";
import { ends, type JobEvent } from "../lib/live";
import { LogBar, type Stamp } from "../lib/logbar";
import { LogSearch } from "../lib/logsearch";
import { LogStore, type LogLine } from "../lib/logstore";
import { LogWindow, ROW } from "../lib/logwindow";

const WRAP = "log-wrap"; // remembered in this browser
const COPIED = 5000; // lines copied at most

class LogView extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #store!: LogStore;
  #window!: LogWindow;
  #search!: LogSearch;
  #bar!: LogBar;
  #more!: HTMLButtonElement;
  #stamp: Stamp = "clock";
  #following = true;
  #seen = 0;
  #open = new Set<number>(); // long lines that were unfolded
  #selected: [number, number] | null = null;
  #frame = 0;
  #glide = 0; // pixels the wheel has still to go
  #drawn = ""; // where the bar stood in what window when it was last drawn
  #began = performance.now();
  #onEvents = (event: Event): void => this.#live((event as CustomEvent<JobEvent[]>).detail);
  #onHash = (): void => this.#openHash();
  #onKey = (event: KeyboardEvent): void => void (event.key === "f" && isCommand(event) && this.#toEnd());
  #resize = new ResizeObserver(() => this.#moved() && (this.#following ? this.#toEnd() : this.#draw()));

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#store = new LogStore(this.dataset.url ?? "", Number(this.dataset.total ?? 0), () => this.#changed());
    this.#store.prime(JSON.parse(this.querySelector("script[data-lines]")?.textContent ?? "[]") as LogLine[]);
    this.#search = new LogSearch(this.#store);
    this.#build();
    document.addEventListener("job:events", this.#onEvents);
    document.addEventListener("keydown", this.#onKey);
    addEventListener("hashchange", this.#onHash);
    this.#resize.observe(this.#window.viewport);
    const error = Number(this.dataset.error ?? 0);
    if (location.hash.startsWith("#L")) this.#openHash();
    else if (error) this.#openError(error);
    else this.#toEnd();
    performance.measure("log-view:open", { start: this.#began, end: performance.now() });
  }

  disconnectedCallback(): void {
    document.removeEventListener("job:events", this.#onEvents);
    document.removeEventListener("keydown", this.#onKey);
    removeEventListener("hashchange", this.#onHash);
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  #build(): void {
    const words = this.#words;
    const viewport = h("div", { class: "vp", role: "region", tabindex: 0, "aria-label": words("log") });
    this.#window = new LogWindow(viewport, () => this.#store.length);
    this.#window.wrapped = localStorage.getItem(WRAP) === "1";
    const hooks = {
      follow: () => this.#toEnd(),
      search: (text: string) => void this.#find(text),
      errors: () => void this.#find("", "error"),
      step: (by: 1 | -1) => void this.#step(by),
      level: (level: string) => (this.#store.filter(level), this.#toEnd()),
      stamp: (stamp: Stamp) => ((this.#stamp = stamp), this.classList.toggle("untimed", stamp === "none"), this.#draw()),
      wrap: (on: boolean) => this.#wrap(on),
    };
    const options = { download: this.dataset.download ?? "", wrapped: this.#window.wrapped, ended: "ended" in this.dataset };
    this.#bar = new LogBar(words, hooks, options);
    this.#more = h("button", { class: "btn sm more", type: "button", hidden: true, onclick: () => this.#toEnd() });
    viewport.addEventListener("scroll", () => this.#scrolled());
    viewport.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    viewport.addEventListener("keydown", (event) => this.#key(event));
    viewport.addEventListener("click", (event) => this.#pick(event));
    viewport.addEventListener("copy", (event) => this.#copySelection(event));
    this.replaceChildren(this.#bar.element, viewport, this.#more);
  }

  // ---- where we are -----------------------------------------------------------------------------------------
  #toEnd(): void {
    this.#following = true;
    this.#window.toEnd();
    this.#seen = this.#store.length;
    this.#draw();
    this.#window.toEnd(); // drawn rows may be taller than thought
  }

  #goTo(line: number, select = false): void {
    this.#following = false;
    this.#seen = this.#store.length;
    if (select) this.#selected = [line, line];
    const index = this.#store.indexOf(line);
    if (this.#window.wrapped && !this.#window.byShare) this.#draw();
    this.#window.show(index);
    this.#draw();
  }

  #openHash(): void {
    const match = /^#L(\d+)(?:-L(\d+))?$/.exec(location.hash);
    if (!match) return;
    const from = Number(match[1]);
    this.#selected = [from, Number(match[2] ?? from)];
    this.#goTo(from);
  }

  /** A failed job: at its error, and how many there are. */
  #openError(line: number): void {
    this.#goTo(line, true);
    this.#bar.found.textContent = this.#words("opened", { at: count(line), of: count(this.#store.length) });
    void this.#store.search("", "error", 0).then(({ matches }) => {
      this.#bar.errors.hidden = !matches;
      this.#bar.errors.replaceChildren(icon("circle-x"), this.#words(matches === 1 ? "error" : "errors", { n: count(matches ?? 0) }));
    }, () => undefined);
  }

  #wrap(on: boolean): void {
    const at = Math.ceil(this.#window.first);
    localStorage.setItem(WRAP, on ? "1" : "0");
    this.#window.wrapped = on;
    this.#draw();
    if (this.#following) this.#toEnd();
    else this.#window.show(at + Math.floor(this.#window.rows / 2));
    this.#draw();
  }

  // ---- what happens -----------------------------------------------------------------------------------------
  #live(batch: JobEvent[]): void {
    if (batch.some(ends)) this.#bar.follow.hidden = true; // nothing more comes
    const fresh = batch.filter((event) => event.type === "log").map((event) => ({ time: event.time, ...event.data }) as unknown as LogLine);
    if (!fresh.length) return;
    this.#store.append(fresh);
    this.#changed();
  }

  #changed(): void {
    if (this.#following) this.#toEnd();
    else this.#draw();
  }

  #scrolled(): void {
    const end = this.#window.atEnd();
    if (end !== this.#following) {
      this.#following = end;
      this.#seen = this.#store.length;
    }
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#moved() && this.#draw());
  }

  /** Whether the window shows another place than was drawn; scrolling by script has drawn already. */
  #moved(): boolean {
    return this.#drawn !== this.#place;
  }

  get #place(): string {
    const { scrollTop, clientWidth, clientHeight } = this.#window.viewport;
    return `${scrollTop} ${clientWidth} ${clientHeight}`;
  }

  #move(lines: number): void {
    this.#window.moveTo(this.#window.first + lines);
    this.#following = this.#window.atEnd();
    this.#draw();
  }

  #wheel(event: WheelEvent): void {
    if (!this.#window.byShare || event.ctrlKey || event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    const still = this.#glide === 0;
    this.#glide += event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * ROW : event.deltaY;
    if (still) this.#glided(performance.now());
  }

  /** The wheel's way, a part of it in each frame, as browsers go it themselves. */
  #glided(since: number): void {
    const now = performance.now();
    const whole = Math.abs(this.#glide) < 2 || matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = whole ? this.#glide : this.#glide * (1 - Math.exp((since - now) / 40));
    this.#glide -= step;
    this.#window.scrollBy(step);
    this.#following = this.#window.atEnd();
    this.#draw();
    if (this.#glide && this.isConnected) requestAnimationFrame(() => this.#glided(now));
  }

  #key(event: KeyboardEvent): void {
    const page = this.#window.rows;
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key];
    if (this.#window.byShare && by) this.#move(by);
    else if ((event.ctrlKey || event.metaKey) && event.key === "c" && this.#selected && !getSelection()?.toString()) void this.#copyLines();
    else return;
    event.preventDefault();
  }

  #pick(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    const unfold = target.closest<HTMLElement>("[data-unfold]");
    if (unfold) {
      this.#open.add(Number(unfold.dataset.unfold));
      return this.#draw();
    }
    const link = target.closest<HTMLElement>("a[data-line]");
    if (!link) return;
    event.preventDefault();
    const line = Number(link.dataset.line);
    const from = event.shiftKey && this.#selected ? this.#selected[0] : line;
    this.#selected = [Math.min(from, line), Math.max(from, line)];
    history.replaceState(history.state, "", `#L${this.#selected[0]}${from === line ? "" : `-L${this.#selected[1]}`}`);
    this.#following = false;
    this.#draw();
  }

  /** The chosen lines, clean: no numbers, times or colours. */
  async #copyLines(): Promise<void> {
    const [from, to] = this.#selected ?? [0, -1];
    const lines = await this.#store.range(from, Math.min(to, from + COPIED));
    await copyText(lines.map((line) => plain(line.text)).join("\n"));
    say(this.#words("copied", { n: lines.length }));
  }

  /** What the pointer marked, in the order of the lines and without what cannot be marked. */
  #copySelection(event: ClipboardEvent): void {
    const selection = getSelection();
    if (!selection || selection.isCollapsed) return;
    const rows = [...this.#window.space.querySelectorAll<HTMLElement>(".row")].filter((row) => selection.containsNode(row, true));
    if (rows.length < 2) return;
    event.preventDefault();
    event.clipboardData?.setData("text/plain", rows.map((row) => row.querySelector(".text")?.textContent ?? "").join("\n"));
  }

  async #find(text: string, level = ""): Promise<void> {
    this.#bar.found.textContent = "";
    try {
      if (!(await this.#search.look(text, level))) return;
    } catch {
      this.#bar.found.textContent = this.#words("away");
      return;
    }
    const here = Math.floor(this.#window.first) + 1;
    if (this.#search.total) this.#tell(this.#search.from(this.#following ? 1 : here));
    else if (text || level) this.#bar.found.textContent = this.#words("none");
    this.#draw();
  }

  async #step(by: 1 | -1): Promise<void> {
    if (this.#search.total) this.#tell(await this.#search.step(by));
  }

  #tell(line: number | undefined): void {
    this.#bar.found.textContent = this.#words("match", { at: count(this.#search.place), of: count(this.#search.total) });
    if (line !== undefined) this.#goTo(line, true);
  }

  // ---- drawing ----------------------------------------------------------------------------------------------
  #draw(): void {
    this.#window.size();
    this.#drawn = this.#place;
    const [from, rows] = this.#window.span;
    this.#window.place(this.#store.view(from, rows).map((line) => this.#row(line)), from);
    this.#bar.follow.setAttribute("aria-pressed", String(this.#following));
    const unseen = this.#store.length - this.#seen;
    this.#more.hidden = this.#following || unseen <= 0;
    if (!this.#more.hidden) this.#more.replaceChildren(icon("arrow-down"), this.#words("new", { n: count(unseen) }));
  }

  #row(line: LogLine | undefined): HTMLElement {
    const row = h("div", { class: `row ${line?.level ?? ""}` });
    if (!line) return row;
    if (this.#selected && line.line >= this.#selected[0] && line.line <= this.#selected[1]) row.classList.add("on");
    row.append(h("a", { href: `#L${line.line}`, "data-line": line.line, tabindex: -1 }, count(line.line)));
    const stamp = this.#stamped(line);
    if (stamp) row.append(h("time", {}, stamp));
    const { text, folded } = shown(line.text, this.#open.has(line.line));
    row.append(h("i", {}, (line.level?.[0] ?? "i").toUpperCase()), h("span", { class: "text" }, paint(text, this.#search.text)));
    if (folded) row.append(h("button", { class: "fold", type: "button", "data-unfold": line.line }, this.#words("folded", { n: count(folded) })));
    return row;
  }

  #stamped(line: LogLine): string {
    if (this.#stamp === "none") return "";
    if (this.#stamp === "clock") return clock(new Date(line.time));
    return elapsed((Date.parse(line.time) - Date.parse(this.dataset.started ?? line.time)) / 1000);
  }
}

customElements.define("log-view", LogView);
