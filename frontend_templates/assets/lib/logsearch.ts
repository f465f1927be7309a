// Search over the whole log, done by the server: how many lines match, and the way from one to the next.
import type { LogStore } from "./logstore";

export class LogSearch {
  text = "";
  total = 0;
  #lines: number[] = [];
  #at = -1;
  #more = false;

  constructor(private readonly store: LogStore) {}

  /** Looks for a text, or for lines of a level. False when a newer search has begun meanwhile. */
  async look(text: string, level = ""): Promise<boolean> {
    const mark = { text, level };
    this.#asked = mark;
    this.text = text;
    this.#lines = [];
    this.#at = -1;
    this.total = 0;
    if (!text && !level) return true;
    const found = await this.store.search(text, level, 0);
    if (this.#asked !== mark) return false;
    this.#lines = found.lines;
    this.total = found.matches ?? found.lines.length;
    this.#more = found.more;
    return true;
  }
  #asked: { text: string; level: string } = { text: "", level: "" };

  /** 1-based place among the matches; 0 before the first step. */
  get place(): number {
    return this.#at + 1;
  }

  /** The match nearest to a line, at or after it. */
  from(line: number): number | undefined {
    const at = this.#lines.findIndex((match) => match >= line);
    this.#at = at < 0 ? this.#lines.length - 1 : at;
    return this.#lines[this.#at];
  }

  /** The next match (1) or the one before (-1), round at the ends. */
  async step(by: 1 | -1): Promise<number | undefined> {
    if (by > 0 && this.#more && this.#at === this.#lines.length - 1) {
      const found = await this.store.search(this.text, this.#asked.level, this.#lines.at(-1) ?? 0);
      this.#lines.push(...found.lines);
      this.#more = found.more;
    }
    const n = this.#lines.length;
    this.#at = n ? (Math.max(this.#at, by < 0 ? 0 : -1) + by + n) % n : -1;
    return this.#lines[this.#at];
  }
}
