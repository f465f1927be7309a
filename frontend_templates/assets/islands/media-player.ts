// <media-player>: a sound with its waveform. The waveform is drawn when the sound is first asked for; the native player is what
// stands there without script, and what plays. Arrow keys on the waveform move by a twentieth.
import { h, icon, wordsOf } from "../lib/dom";
import { elapsed } from "../lib/format";

let playing: MediaPlayer | null = null;

class MediaPlayer extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #audio: HTMLAudioElement | null = null;
  #button!: HTMLButtonElement;
  #wave!: HTMLCanvasElement;
  #time!: HTMLElement;
  #peaks: number[] = [];
  #seen: IntersectionObserver | null = null;
  #opening = false;

  connectedCallback(): void {
    if (this.#audio) return;
    this.#words = wordsOf(this);
    this.#audio = this.querySelector("audio");
    if (!this.#audio) return;
    this.#audio.controls = false;
    this.#button = h("button", { type: "button", class: "btn sm ico", "aria-label": `${this.#words("play")}: ${this.dataset.label ?? ""}` }, icon("play"));
    this.#button.addEventListener("click", () => void this.#toggle());
    this.#wave = h("canvas", { class: "wave", role: "slider", tabindex: 0, "aria-label": this.#words("position"), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0 });
    this.#wave.addEventListener("click", (event) => this.#seek(event.offsetX / this.#wave.clientWidth));
    this.#wave.addEventListener("keydown", (event) => this.#key(event));
    this.#time = h("span", { class: "fine" });
    this.append(this.#button, this.#wave, this.#time);
    for (const name of ["play", "pause", "ended"]) this.#audio.addEventListener(name, () => this.#state());
    for (const name of ["timeupdate", "loadedmetadata"]) this.#audio.addEventListener(name, () => this.#tick());
    this.#audio.addEventListener("error", () => (this.#time.textContent = this.#words("broken")));
    if (this.dataset.eager === undefined) return;
    this.#seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void this.#open());
    this.#seen.observe(this);
  }

  disconnectedCallback(): void {
    this.#seen?.disconnect();
    this.#audio?.pause();
    if (playing === this) playing = null;
  }

  pause(): void {
    this.#audio?.pause();
  }

  async #open(): Promise<void> {
    if (this.#opening || !this.#audio) return;
    this.#opening = true;
    this.#seen?.disconnect();
    this.#audio.preload = "metadata";
    const { barsOf, loudness } = await import("../lib/waveform");
    this.#peaks = await loudness(this.#audio.currentSrc || this.#audio.src, barsOf(this.#wave)).catch(() => []);
    this.#tick();
  }

  async #toggle(): Promise<void> {
    if (!this.#audio) return;
    void this.#open();
    if (!this.#audio.paused) return this.#audio.pause();
    if (playing !== this) playing?.pause();
    playing = this;
    await this.#audio.play().catch(() => (this.#time.textContent = this.#words("broken")));
  }

  #seek(share: number): void {
    const audio = this.#audio;
    void this.#open();
    if (audio && Number.isFinite(audio.duration)) audio.currentTime = Math.min(1, Math.max(0, share)) * audio.duration;
  }

  #key(event: KeyboardEvent): void {
    const { currentTime = 0, duration = 1 } = this.#audio ?? {};
    const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#seek(currentTime / duration + step);
  }

  #state(): void {
    const on = !this.#audio?.paused;
    this.#button.replaceChildren(icon(on ? "pause" : "play"));
    this.#button.setAttribute("aria-label", `${this.#words(on ? "pause" : "play")}: ${this.dataset.label ?? ""}`);
  }

  #tick(): void {
    const { currentTime = 0, duration = 0 } = this.#audio ?? {};
    const share = Number.isFinite(duration) && duration > 0 ? currentTime / duration : 0;
    if (Number.isFinite(duration) && duration > 0) this.#time.textContent = `${elapsed(currentTime)} / ${elapsed(duration)}`;
    this.#wave.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    if (this.#peaks.length) void import("../lib/waveform").then(({ draw }) => draw(this.#wave, this.#peaks, share));
  }
}

customElements.define("media-player", MediaPlayer);
