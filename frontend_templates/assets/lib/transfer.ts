// One file on its way: tus in 8 MiB parts, tried again for ever with growing pauses, paused and resumed at will.
import { type DetailedError, Upload } from "tus-js-client";
import { csrfToken } from "./http";
import { fingerprint, path } from "./fingerprint";

const PART = 8 * 1024 * 1024;
const PAUSES = [0, 1000, 3000, 5000, 10000, 20000, 30000];

export type TransferState = "waiting" | "uploading" | "paused" | "failed" | "done";

/** An unfinished upload as the server lists it. */
export interface Unfinished {
  id: string;
  filename: string;
  size: number;
  offset: number;
  metadata: Record<string, string>;
}

export class Transfer {
  state: TransferState = "waiting";
  sent = 0;
  id = "";
  problem = "";
  /** Bytes per second over about the last five seconds. */
  rate = 0;
  #upload: Upload | null = null;
  #marks: [number, number][] = [];

  constructor(
    readonly file: File,
    readonly endpoint: string,
    private readonly workspace: string,
    private readonly changed: () => void,
  ) {}

  get name(): string {
    return path(this.file);
  }

  /** Begins, or goes on where the server is; `unfinished`: what the server lists. */
  async start(unfinished: Unfinished[]): Promise<void> {
    this.#set("uploading");
    const print = await fingerprint(this.file, this.workspace);
    const known = unfinished.find((upload) => upload.metadata.fingerprint === print);
    this.#upload ??= new Upload(this.file, {
      endpoint: this.endpoint,
      uploadUrl: known ? `${this.endpoint}/${known.id}` : null,
      chunkSize: PART,
      retryDelays: PAUSES,
      storeFingerprintForResuming: false,
      headers: { "X-CSRFToken": csrfToken() },
      metadata: { filename: this.name, filetype: this.file.type, fingerprint: print },
      onShouldRetry: (error) => this.#again(error as DetailedError),
      onProgress: (sent) => this.#progress(sent),
      onSuccess: () => this.#finished(),
      onError: (error) => this.#failed(error as DetailedError),
    });
    this.#upload.start();
  }

  pause(): void {
    if (this.state !== "uploading") return;
    void this.#upload?.abort();
    this.#set("paused");
  }

  resume(): void {
    if (!this.#upload) return;
    this.#set("uploading");
    this.#upload.start();
  }

  /** Stops and lets the server forget the bytes. */
  async cancel(): Promise<void> {
    await this.#upload?.abort(true).catch(() => undefined);
  }

  #set(state: TransferState): void {
    this.state = state;
    this.changed();
  }

  #progress(sent: number): void {
    const now = performance.now();
    this.sent = sent;
    this.#marks.push([now, sent]);
    while ((this.#marks[0]?.[0] ?? now) < now - 5000) this.#marks.shift();
    const [since, before] = this.#marks[0] ?? [now, sent];
    if (now > since + 200) this.rate = ((sent - before) / (now - since)) * 1000;
    this.changed();
  }

  #finished(): void {
    this.id = new URL(this.#upload?.url ?? "", location.href).pathname.split("/").filter(Boolean).at(-1) ?? "";
    this.sent = this.file.size;
    this.#set("done");
  }

  /** Only an answer that says "never" ends it; a lost network or a busy server does not. */
  #again(error: DetailedError): boolean {
    const status = error.originalResponse?.getStatus() ?? 0;
    return status === 0 || status === 409 || status === 423 || status === 429 || status === 460 || status >= 500;
  }

  #failed(error: DetailedError): void {
    if (this.#again(error) && this.state === "uploading") {
      // Past the last pause of the list: go on asking, for ever.
      window.setTimeout(() => this.state === "uploading" && this.#upload?.start(), 30000 * (0.5 + Math.random() / 2));
      return;
    }
    try {
      this.problem = (JSON.parse(error.originalResponse?.getBody() ?? "{}") as { detail?: string }).detail ?? error.message;
    } catch {
      this.problem = error.message;
    }
    this.#set("failed");
  }
}
