// Where a log of any length stands in its window. Unwrapped, a line is a row of 20 px and the bar scrolls by rows (by shares of the
// whole once browsers could no longer hold the height). Wrapped, rows are as tall as their text: the line at the same share of the
// log as the bar's place is kept at the same share of the window, so nothing must be known of lines that were never drawn.

export const ROW = 20;
const TALLEST = 12_000_000; // browsers cap an element's height near 17.9 million px
const MOST = 96; // rows drawn at once

export class LogWindow {
  wrapped = false;
  #exact = 0; // the bar's place with what a browser rounds off
  readonly space = document.createElement("div");

  constructor(
    readonly viewport: HTMLElement,
    private readonly length: () => number,
  ) {
    viewport.append(this.space);
  }

  get rows(): number {
    return Math.max(1, Math.floor(this.viewport.clientHeight / ROW));
  }

  /** Whether the bar moves by shares of the whole, not by rows. */
  get byShare(): boolean {
    return this.wrapped ? this.length() > MOST : this.length() * ROW > TALLEST;
  }

  get #height(): number {
    return Math.min(this.length() * ROW, TALLEST);
  }

  get #reach(): number {
    return Math.max(1, this.#height - this.viewport.clientHeight);
  }

  get #top(): number {
    const { scrollTop } = this.viewport;
    return Math.abs(this.#exact - scrollTop) < 1 ? this.#exact : scrollTop;
  }

  set #top(value: number) {
    this.#exact = Math.min(Math.max(0, value), this.#reach);
    this.viewport.scrollTop = this.#exact;
  }

  get #share(): number {
    return Math.min(1, this.#top / this.#reach);
  }

  /** Index of the first row in view, with its fraction. */
  get first(): number {
    return this.byShare ? this.#share * Math.max(0, this.length() - this.rows) : this.viewport.scrollTop / ROW;
  }

  /** The rows to draw: from, and how many. */
  get span(): [number, number] {
    if (this.wrapped && !this.byShare) return [0, this.length()];
    const extra = this.wrapped ? Math.min(this.rows, MOST - this.rows) : 5;
    const from = Math.max(0, Math.floor(this.first) - extra);
    return [from, Math.min(MOST, this.rows + 2 * extra + 2)];
  }

  moveTo(index: number): void {
    const last = Math.max(0, this.length() - this.rows);
    const first = Math.min(Math.max(0, index), last);
    this.size();
    this.#top = this.byShare ? (first / Math.max(1, last)) * this.#reach : first * ROW;
  }

  /** Moves what is seen by so many pixels where the bar moves by shares. */
  scrollBy(pixels: number): void {
    if (!this.wrapped) return this.moveTo(this.first + pixels / ROW);
    const rows = [...(this.space.firstElementChild?.children ?? [])] as HTMLElement[];
    // A line's place in the window falls as the bar does: height lost to each line passed.
    const lost = this.viewport.clientHeight / this.length();
    const at = this.#share * this.length() - this.#from;
    const height = (row: HTMLElement | undefined): number => Math.max(1, (row?.offsetHeight ?? ROW) - lost);
    const whole = Math.floor(at);
    let line = whole;
    let rest = (at - whole) * height(rows[whole]) + pixels;
    for (; rest < 0 && line > -this.#from; line -= 1) rest += height(rows[line - 1]);
    for (; rest >= height(rows[line]) && line < this.length() - this.#from; line += 1) rest -= height(rows[line]);
    this.#top = ((this.#from + line + Math.max(0, rest) / height(rows[line])) / this.length()) * this.#reach;
  }

  /** Brings a row to the middle, or, wrapped, to where its share of the log stands. */
  show(index: number): void {
    if (!this.wrapped) return this.moveTo(index - Math.floor(this.rows / 2));
    this.size();
    if (this.byShare) this.#top = ((index + 0.5) / this.length()) * this.#reach;
    else (this.space.children[index] as HTMLElement | undefined)?.scrollIntoView({ block: "center" });
  }

  toEnd(): void {
    this.size();
    this.viewport.scrollTop = this.viewport.scrollHeight;
  }

  atEnd(): boolean {
    if (this.byShare) return this.#share * this.length() >= this.length() - 1;
    return this.viewport.scrollTop + this.viewport.clientHeight >= this.viewport.scrollHeight - ROW;
  }

  size(): void {
    this.space.style.height = this.wrapped && !this.byShare ? "auto" : `${this.#height}px`;
  }

  /** Puts drawn rows in their place; `from` is the index of the first of them. */
  place(rows: HTMLElement[], from: number): void {
    this.space.classList.toggle("flow", this.wrapped);
    if (!this.wrapped) {
      const base = this.byShare ? Math.round(this.viewport.scrollTop - (this.first - from) * ROW) : from * ROW;
      for (const [at, row] of rows.entries()) row.style.transform = `translateY(${base + at * ROW}px)`;
      this.space.replaceChildren(...rows);
    } else if (!this.byShare) this.space.replaceChildren(...rows);
    else this.#flow(rows, from);
  }

  #from = 0;

  #flow(rows: HTMLElement[], from: number): void {
    this.#from = from;
    const block = document.createElement("div");
    block.className = "block";
    block.append(...rows);
    this.space.replaceChildren(block);
    const share = this.#share;
    const anchor = share * this.length() - from;
    const row = rows[Math.min(rows.length - 1, Math.floor(anchor))];
    const into = row ? row.offsetTop + Math.min(1, anchor - Math.floor(anchor) + Number(anchor >= rows.length)) * row.offsetHeight : 0;
    block.style.transform = `translateY(${this.viewport.scrollTop + share * this.viewport.clientHeight - into}px)`;
  }
}
