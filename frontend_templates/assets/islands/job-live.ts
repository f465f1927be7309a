// <job-live data-socket data-job data-cursor data-title>: the live heart of a job page. Turns websocket events into DOM events:
// `job:events` on document (batches, for charts and log) and `job-state`, `job-checkpoint`, `job-sample`, `job-progress`,
// `job-figures` on body (for htmx partials). Where there is a data-title, the tab's title carries how far the job is.
import { h, wordsOf } from "../lib/dom";
import { clock } from "../lib/format";
import { announce } from "../lib/htmx";
import { type JobEvent, JobSocket } from "../lib/live";

const RELOADS: Record<string, string> = { state: "job-state", error: "job-state", checkpoint: "job-checkpoint", sample: "job-sample" };

class JobLive extends HTMLElement {
  #socket: JobSocket | null = null;
  #last = Date.now();
  #bar: HTMLElement | null = null;
  #words: ReturnType<typeof wordsOf> | null = null;
  #told = new Map<string, number>();

  connectedCallback(): void {
    this.#words ??= wordsOf(this);
    this.#socket = new JobSocket(this.dataset.socket ?? "", Number(this.dataset.cursor ?? 0), {
      events: (batch) => this.#take(batch),
      status: (state) => this.#status(state),
    });
    this.#socket.open();
  }

  disconnectedCallback(): void {
    this.#socket?.close();
  }

  #take(batch: JobEvent[]): void {
    this.#last = Date.now();
    for (const event of batch) event.job = Number(this.dataset.job ?? 0);
    document.dispatchEvent(new CustomEvent("job:events", { detail: batch }));
    for (const name of new Set(batch.map((event) => RELOADS[event.type]))) if (name) announce(name);
    const progress = batch.findLast((event) => event.type === "progress");
    if (progress) this.#title(progress.data);
    if (progress) this.#seldom("job-progress", 1000);
    if (batch.some((event) => event.type === "metric")) this.#seldom("job-figures", 3000);
  }

  /** Progress and figures come often; their partials are drawn again at most once in so many milliseconds, the last news included. */
  #seldom(name: string, pause: number): void {
    const wait = (this.#told.get(name) ?? 0) + pause - Date.now();
    if (wait > pause) return; // one is on its way
    this.#told.set(name, Date.now() + Math.max(0, wait));
    // Without a line nothing could be read either; when it is back, the next events announce again.
    window.setTimeout(() => this.isConnected && this.#socket?.connected && announce(name), Math.max(0, wait));
  }

  #title(data: Record<string, unknown>): void {
    const [step, total] = [Number(data.step), Number(data.total_steps)];
    if (this.dataset.title && total > 0 && step >= 0) document.title = `${Math.min(100, Math.round((100 * step) / total))} % · ${this.dataset.title}`;
  }

  #status(state: "open" | "stale" | "ended"): void {
    this.#bar?.remove();
    this.#bar = null;
    if (state === "open" || !this.#words) return;
    const text = state === "ended" ? this.#words("ended") : this.#words("stale", { time: clock(this.#last) });
    this.#bar = h("p", { class: "stale", role: "status" }, text);
    this.append(this.#bar);
  }
}

customElements.define("job-live", JobLive);
