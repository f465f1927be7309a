// One websocket of one job: resumes by cursor, reconnects with jittered backoff, hands events on once per animation frame.

export interface JobEvent {
  cursor: number;
  type: "state" | "progress" | "log" | "metric" | "sample" | "checkpoint" | "error" | "result" | "ready";
  time: string;
  attempt: number;
  job?: number; // which job of the page, where it has several
  data: Record<string, unknown>;
}

export interface LiveHooks {
  events(batch: JobEvent[]): void;
  /** `stale` = no line for 3 seconds; `ended` = the server will not have us again (signed out, gone). */
  status(state: "open" | "stale" | "ended"): void;
}

const FINAL_CLOSES = new Set([1008, 4401, 4404]);
const FINAL_STATES = new Set(["succeeded", "failed", "cancelled"]);

/** Whether with this event a job is over. */
export function ends(event: JobEvent): boolean {
  return event.type === "state" && FINAL_STATES.has(String(event.data.state));
}

export class JobSocket {
  #socket: WebSocket | null = null;
  #waiting: JobEvent[] = [];
  #frame = 0;
  #late = 0;
  #tries = 0;
  #timer = 0;
  #staleTimer = 0;
  #stopped = false;
  #ended = false;

  constructor(
    private readonly url: string,
    private cursor: number,
    private readonly hooks: LiveHooks,
  ) {}

  open(): void {
    const address = new URL(this.url, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.searchParams.set("after", String(this.cursor));
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#staleTimer ||= window.setTimeout(() => this.hooks.status("stale"), 3000);
    socket.onopen = () => {
      this.#tries = 0;
      window.clearTimeout(this.#staleTimer);
      this.#staleTimer = 0;
      this.hooks.status("open");
    };
    socket.onmessage = (message) => this.#take(JSON.parse(message.data as string) as JobEvent);
    socket.onclose = (event) => this.#closed(event.code);
  }

  get connected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  close(): void {
    this.#stopped = true;
    window.clearTimeout(this.#timer);
    window.clearTimeout(this.#staleTimer);
    cancelAnimationFrame(this.#frame);
    window.clearTimeout(this.#late);
    this.#socket?.close();
  }

  #take(event: JobEvent): void {
    if (typeof event.cursor !== "number" || event.cursor <= this.cursor) return;
    this.cursor = event.cursor;
    if (event.type === "state") this.#ended = ends(event);
    this.#waiting.push(event);
    // A tab that is hidden, or is hidden before its next frame, gets none; a timer then hands the news on.
    this.#frame ||= requestAnimationFrame(() => this.#flush());
    this.#late ||= window.setTimeout(() => this.#flush(), 250);
  }

  #flush(): void {
    cancelAnimationFrame(this.#frame);
    window.clearTimeout(this.#late);
    this.#frame = this.#late = 0;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length) this.hooks.events(batch);
  }

  #closed(code: number): void {
    if (this.#stopped) return;
    // Nothing more comes from a job that has ended: a closed line is then no trouble.
    if (this.#ended || code === 1000) {
      window.clearTimeout(this.#staleTimer);
      return;
    }
    if (FINAL_CLOSES.has(code)) {
      this.hooks.status("ended");
      return;
    }
    this.#staleTimer ||= window.setTimeout(() => this.hooks.status("stale"), 3000);
    const wait = Math.min(30000, 500 * 2 ** this.#tries++) * (0.5 + Math.random() / 2);
    this.#timer = window.setTimeout(() => this.open(), wait);
  }
}
