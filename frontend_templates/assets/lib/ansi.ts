// One log line as a node: ANSI colours become our tones, a progress bar keeps its last state, very long text folds.
import Anser from "anser";

const TONES: Record<string, string> = {
  "ansi-red": "tone-bad",
  "ansi-bright-red": "tone-bad",
  "ansi-green": "tone-ok",
  "ansi-bright-green": "tone-ok",
  "ansi-yellow": "tone-warn",
  "ansi-bright-yellow": "tone-warn",
  "ansi-blue": "tone-accent",
  "ansi-bright-blue": "tone-accent",
  "ansi-cyan": "tone-accent",
  "ansi-bright-cyan": "tone-accent",
  "ansi-magenta": "tone-hold",
  "ansi-bright-magenta": "tone-hold",
  "ansi-bright-black": "tone-dim",
};
const FOLD = 4000;

/** What of a line a person reads: the last state of a progress bar, and how much of it is folded away. */
export function shown(text: string, open: boolean): { text: string; folded: number } {
  const last = text.slice(text.lastIndexOf("\r", text.length - 2) + 1);
  return open || last.length <= FOLD ? { text: last, folded: 0 } : { text: last.slice(0, FOLD), folded: last.length - FOLD };
}

const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007]*\u0007)/g;

/** A line without colours, as it is copied. */
export const plain = (text: string): string => shown(text, true).text.replace(ESCAPES, "");

/** `mark`: text to highlight, case ignored. */
export function paint(short: string, mark: string): Node {
  const out = document.createDocumentFragment();
  if (!short.includes("\u001b")) {
    highlight(out, short, mark);
    return out;
  }
  for (const part of Anser.ansiToJson(short, { use_classes: true, remove_empty: true })) {
    const span = document.createElement("span");
    const tone = TONES[part.fg ?? ""];
    if (tone) span.classList.add(tone);
    if (part.decorations?.includes("bold")) span.classList.add("tone-bold");
    highlight(span, part.content, mark);
    out.append(span);
  }
  return out;
}

function highlight(into: Node & ParentNode, text: string, mark: string): void {
  if (!mark) {
    into.append(text);
    return;
  }
  const low = text.toLowerCase();
  const wanted = mark.toLowerCase();
  let at = 0;
  for (let hit = low.indexOf(wanted); hit >= 0; hit = low.indexOf(wanted, at)) {
    const found = document.createElement("mark");
    found.textContent = text.slice(hit, hit + mark.length);
    into.append(text.slice(at, hit), found);
    at = hit + mark.length;
  }
  into.append(text.slice(at));
}
