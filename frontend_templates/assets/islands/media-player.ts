// <media-player>: a sound with its waveform. The waveform is drawn when the sound is first asked for; the native player is what
// stands there without script, and what plays.
import { h, icon, wordsOf } from "../lib/dom";
import { elapsed } from "../lib/format";

let playing: MediaPlayer | null = null;

class MediaPlayer extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #wave: import("wavesurfer.js").default | null = null;
  #audio: HTMLAudioElement | null = null;
  #button!: HTMLButtonElement;
  #time!: HTMLElement;
  #seen: IntersectionObserver | null = null;
  #opening = false;

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#audio = this.querySelector("audio");
    if (!this.#audio) return;
    this.#audio.controls = false;
    this.#button = h("button", { type: "button", class: "btn sm ico", "aria-label": `${this.#words("play")}: ${this.dataset.label ?? ""}` }, icon("play"));
    this.#button.addEventListener("click", () => void this.#toggle());
    this.#time = h("span", { class: "fine" });
    this.append(this.#button, h("span", { class: "wave" }), this.#time);
    for (const name of ["play", "pause", "ended"]) this.#audio.addEventListener(name, () => this.#draw());
    this.#audio.addEventListener("timeupdate", () => this.#tick());
    this.#audio.addEventListener("error", () => (this.#time.textContent = this.#words("broken")));
    if (this.dataset.eager === undefined) return;
    this.#seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void this.#open());
    this.#seen.observe(this);
  }

  disconnectedCallback(): void {
    this.#seen?.disconnect();
    this.#audio?.pause();
    this.#wave?.destroy();
    this.#wave = null;
    if (playing === this) playing = null;
  }

  pause(): void {
    this.#audio?.pause();
  }

  async #open(): Promise<void> {
    if (this.#opening || !this.#audio) return;
    this.#opening = true;
    const { default: WaveSurfer } = await import("wavesurfer.js");
    const place = this.querySelector<HTMLElement>(".wave");
    if (!this.isConnected || !place) return;
    const look = getComputedStyle(this);
    this.#wave = WaveSurfer.create({
      container: place,
      media: this.#audio,
      url: this.#audio.currentSrc || this.#audio.src,
      height: 26,
      barWidth: 2,
      barGap: 1,
      cursorWidth: 1,
      normalize: true,
      waveColor: look.getPropertyValue("--line-strong"),
      progressColor: look.getPropertyValue("--accent"),
      cursorColor: look.getPropertyValue("--ink"),
    });
    this.#wave.on("ready", () => this.#tick());
    this.#wave.on("error", () => undefined);
  }

  async #toggle(): Promise<void> {
    if (!this.#audio) return;
    void this.#open();
    if (!this.#audio.paused) return this.#audio.pause();
    if (playing && playing !== this) playing.pause();
    playing = this;
    await this.#audio.play().catch(() => (this.#time.textContent = this.#words("broken")));
  }

  #draw(): void {
    const on = !this.#audio?.paused;
    this.#button.replaceChildren(icon(on ? "pause" : "play"));
    this.#button.setAttribute("aria-label", `${this.#words(on ? "pause" : "play")}: ${this.dataset.label ?? ""}`);
  }

  #tick(): void {
    const { currentTime = 0, duration = 0 } = this.#audio ?? {};
    if (Number.isFinite(duration) && duration > 0) this.#time.textContent = `${elapsed(currentTime)} / ${elapsed(duration)}`;
  }
}

customElements.define("media-player", MediaPlayer);
