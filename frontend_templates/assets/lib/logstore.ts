// The lines of a log as far as they have been asked for: blocks by line number, or one growing list when filtered by level.
import { fetchJson } from "./http";

export interface LogLine {
  line: number;
  time: string;
  level: string;
  text: string;
}

interface Page {
  items: LogLine[];
  next: number | string | null;
  total: number;
  matches?: number;
}

const BLOCK = 200; // lines kept and asked for together
const FOUND = 1000; // matches of one search
const LARGEST = 5000; // the API's largest page
const KEPT_BLOCKS = 60;
const LEVELS = ["debug", "info", "warning", "error"];

export class LogStore {
  #blocks = new Map<number, (LogLine | undefined)[]>();
  #asked = new Set<number>();
  #total: number;
  #level = "";
  #filtered: LogLine[] = [];

  constructor(
    private readonly url: string,
    total: number,
    private readonly changed: () => void,
  ) {
    this.#total = total;
  }

  /** Rows there are to show. */
  get length(): number {
    return this.#level ? this.#filtered.length : this.#total;
  }

  indexOf(line: number): number {
    if (!this.#level) return line - 1;
    const at = this.#filtered.findIndex((row) => row.line >= line);
    return at < 0 ? this.#filtered.length : at;
  }

  /** Lines as live events bring them; whatever is older than what we hold is read again when it comes into view. */
  append(lines: LogLine[]): void {
    for (const line of lines) {
      this.#total = Math.max(this.#total, line.line);
      const block = Math.floor((line.line - 1) / BLOCK);
      const rows = this.#blocks.get(block);
      if (rows) rows[(line.line - 1) % BLOCK] = line;
      else if ((line.line - 1) % BLOCK === 0) this.#blocks.set(block, [line]);
      else this.#asked.delete(block);
      if (this.#level && LEVELS.indexOf(line.level) >= LEVELS.indexOf(this.#level) && (this.#filtered.at(-1)?.line ?? 0) < line.line) this.#filtered.push(line);
    }
  }

  /** `count` rows from index `from`; undefined where a line is still on its way. */
  view(from: number, count: number): (LogLine | undefined)[] {
    const end = Math.min(this.length, from + count);
    if (this.#level) return this.#filtered.slice(from, end);
    const out: (LogLine | undefined)[] = [];
    for (let at = from; at < end; at += 1) {
      const block = Math.floor(at / BLOCK);
      const row = this.#blocks.get(block)?.[at % BLOCK];
      if (!row) void this.#fetch(block);
      out.push(row);
    }
    return out;
  }

  /** Lines from..to, both included. */
  async range(from: number, to: number): Promise<LogLine[]> {
    const out: LogLine[] = [];
    for await (const items of this.#pages({}, from - 1)) {
      out.push(...items.filter((line) => line.line <= to));
      if ((items.at(-1)?.line ?? to) >= to) break;
    }
    return out;
  }

  /** Numbers of the lines after `after` that hold `text` and are of this level, and how many there are in all. */
  async search(text: string, level: string, after: number): Promise<{ lines: number[]; matches: number | undefined; more: boolean }> {
    const query = new URLSearchParams({ after: String(after), limit: String(FOUND) });
    if (text) query.set("q", text);
    if (level || this.#level) query.set("level", level || this.#level);
    const page = await fetchJson<Page>(`${this.url}?${query}`);
    return { lines: page.items.map((line) => line.line), matches: page.matches, more: page.next !== null };
  }

  /** Lines that came with the page. */
  prime(lines: LogLine[]): void {
    for (const line of lines) {
      const block = Math.floor((line.line - 1) / BLOCK);
      const rows = this.#blocks.get(block) ?? [];
      rows[(line.line - 1) % BLOCK] = line;
      this.#blocks.set(block, rows);
      this.#total = Math.max(this.#total, line.line);
    }
  }

  async *#pages(query: Record<string, string>, after: number): AsyncGenerator<LogLine[]> {
    for (let from: number | string | null = after; from !== null; ) {
      const parameters = new URLSearchParams({ after: String(from), limit: String(LARGEST) });
      for (const [name, value] of Object.entries(query)) if (value) parameters.set(name, value);
      const page: Page = await fetchJson<Page>(`${this.url}?${parameters}`);
      yield page.items;
      from = page.items.length ? page.next : null;
    }
  }

  /** Shows only this level (all when empty). */
  filter(level: string): void {
    this.#level = level;
    this.#filtered = [];
    if (level) void this.#fetchLevel(level);
  }

  async #fetchLevel(level: string): Promise<void> {
    try {
      for await (const items of this.#pages({ level }, 0)) {
        if (this.#level !== level || this.#filtered.length > 100_000) return;
        this.#filtered.push(...items);
        this.changed();
      }
    } catch {
      window.setTimeout(() => this.#level === level && this.filter(level), 2000);
    }
  }

  async #fetch(block: number): Promise<void> {
    if (this.#asked.has(block)) return;
    this.#asked.add(block);
    try {
      const page = await fetchJson<Page>(`${this.url}?after=${block * BLOCK}&limit=${BLOCK}`);
      const rows: (LogLine | undefined)[] = [];
      for (const line of page.items) rows[(line.line - 1) % BLOCK] = line;
      this.#blocks.set(block, rows);
      this.#trim(block);
      this.changed();
    } catch {
      window.setTimeout(() => this.#asked.delete(block), 2000);
    }
  }

  #trim(near: number): void {
    if (this.#blocks.size <= KEPT_BLOCKS) return;
    const farthest = [...this.#blocks.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near))[0];
    if (farthest === undefined) return;
    this.#blocks.delete(farthest);
    this.#asked.delete(farthest);
  }
}
