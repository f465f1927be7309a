// <job-live data-socket data-cursor>: the live heart of a job page. Turns websocket events into DOM events:
// `job:events` on document (batches, for charts and log) and `job-state`, `job-checkpoint`, `job-sample` on body (for htmx partials).
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
  #progressAt = 0;

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
    document.dispatchEvent(new CustomEvent("job:events", { detail: batch }));
    for (const name of new Set(batch.map((event) => RELOADS[event.type]))) if (name) announce(name);
    // Progress comes often; its partial is drawn again at most once a second.
    if (batch.some((event) => event.type === "progress") && Date.now() - this.#progressAt > 1000) {
      this.#progressAt = Date.now();
      announce("job-progress");
    }
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
