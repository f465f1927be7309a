// One answer in the playground: text as it streams in, or labels with bars; below it its figures and what can be done with it.
import { copyText } from "./copy";
import { h, icon, say, type wordsOf } from "./dom";
import { count, figure } from "./format";

export interface Label {
  label: string;
  score: number;
}
interface Piece {
  choices?: { text?: string; delta?: { content?: string | null } }[];
  usage?: { completion_tokens?: number } | null;
}

const SHOWN = 20;

export class Answer {
  text = "";
  #began = performance.now();
  #first = 0;
  #last = 0;
  #pieces = 0;
  #tokens = 0;
  #name = h("p", { class: "fine mt-0!" });
  #body = h("p", {});
  #stats = h("div", { class: "stats" });

  constructor(
    private readonly place: HTMLElement,
    private readonly words: ReturnType<typeof wordsOf>,
    abort: AbortController,
    private readonly again: () => void,
  ) {
    const stop = h("button", { class: "btn sm", type: "button", onclick: () => abort.abort() }, icon("square"), words("stop"));
    this.#stats.append(h("span", { class: "acts" }, stop));
    this.#body.className = "caret";
    place.replaceChildren(this.#name, this.#body, this.#stats);
  }

  speaker(name: string): void {
    this.#name.textContent = name;
  }

  piece(event: unknown): void {
    const { choices, usage } = event as Piece;
    const part = choices?.[0]?.delta?.content ?? choices?.[0]?.text;
    this.#tokens = usage?.completion_tokens ?? this.#tokens;
    if (!part) return;
    this.#last = performance.now() - this.#began;
    this.#first ||= this.#last;
    this.#pieces += 1;
    this.text += part;
    this.#body.append(part);
    const before = this.#stats.querySelector("b");
    if (!before || this.#pieces % 8 === 0) this.#figures();
    this.place.scrollIntoView({ block: "nearest" });
  }

  labels(labels: Label[]): void {
    this.#last = performance.now() - this.#began;
    this.#body.remove();
    const rows = labels.slice(0, SHOWN).map(({ label, score }) => {
      const fill = h("i", {});
      fill.style.width = `${Math.min(100, Math.max(0, score * 100))}%`;
      return h("div", { class: "score" }, h("span", {}, label), h("span", { class: "prog" }, fill), h("span", { class: "num" }, figure(score)));
    });
    this.#name.after(...rows);
    const best = labels[0];
    if (best) say(`${best.label} ${figure(best.score)}`);
  }

  /** stopped: somebody pressed Stop; what came stays. */
  end(stopped: boolean): void {
    this.#body.classList.remove("caret");
    if (this.#body.isConnected && !this.text) this.#body.textContent = stopped ? "" : this.words("nothing");
    this.#figures();
    if (stopped) this.#stats.prepend(h("span", { class: "badge idle" }, icon("circle-stop"), this.words("stopped")));
    const acts = h("span", { class: "acts" });
    if (this.text) acts.append(this.#button("copy", "copy", () => void copyText(this.text)));
    acts.append(this.#button("again", "rotate-ccw", this.again));
    this.#stats.querySelector(".acts")?.replaceWith(acts);
  }

  failed(message: string): void {
    if (!this.text) this.#body.remove();
    this.#stats.before(h("p", { class: "tone-bad", role: "alert" }, message));
  }

  #button(word: string, image: string, act: () => void): HTMLElement {
    return h("button", { class: "btn quiet ico sm", type: "button", "aria-label": this.words(word), title: this.words(word), onclick: act }, icon(image));
  }

  #figures(): void {
    const one = (value: string, unit: string): HTMLElement => h("span", {}, h("b", {}, value), ` ${unit}`);
    const shown: HTMLElement[] = [];
    if (this.#pieces) {
      const tokens = this.#tokens || this.#pieces;
      const seconds = (this.#last - this.#first) / 1000;
      shown.push(one(count(Math.round(this.#first)), this.words("first")));
      if (seconds > 0 && tokens > 1) shown.push(one(figure(Number(((tokens - 1) / seconds).toPrecision(3))), this.words("rate")));
      shown.push(one(count(tokens), this.words("tokens")));
    } else if (this.#last) shown.push(h("span", {}, this.words("took", { ms: count(Math.round(this.#last)) })));
    for (const old of this.#stats.querySelectorAll(":scope > span:not(.acts, .badge)")) old.remove();
    this.#stats.prepend(...shown);
  }
}
