// The figures of a chart as a table of 25 rows a page, newest first, and as a file.
import { h, type wordsOf } from "./dom";
import { figure } from "./format";
import type { Column } from "./align";

const ROWS = 25;

export interface Figures {
  heads: string[];
  x: number[];
  ys: Column[];
  write(x: number): string;
}

/** One page of the table with its pager. turn: asked for another page. */
export function tableOf(figures: Figures, page: number, words: ReturnType<typeof wordsOf>, turn: (page: number) => void): HTMLElement[] {
  const { heads, x, ys, write } = figures;
  const pages = Math.max(1, Math.ceil(x.length / ROWS));
  const at = Math.min(page, pages - 1);
  const body = h("tbody", {});
  for (let row = x.length - 1 - at * ROWS; row >= 0 && row > x.length - 1 - (at + 1) * ROWS; row -= 1)
    body.append(h("tr", {}, ...[write(x[row] ?? 0), ...ys.map((y) => figure(y[row]))].map((text) => h("td", { class: "num" }, text))));
  const head = h("tr", {}, ...heads.map((text) => h("th", { class: "num", scope: "col" }, text)));
  const button = (by: number): HTMLElement =>
    h(
      "button",
      { class: "btn sm", type: "button", disabled: by < 0 ? at === 0 : at >= pages - 1, onclick: () => turn(at + by) },
      words(by < 0 ? "newer" : "older"),
    );
  return [
    h("div", { class: "scroller" }, h("table", { class: "table" }, h("thead", {}, head), body)),
    h("div", { class: "pager" }, button(-1), `${at + 1} / ${pages}`, button(1)),
  ];
}

export function csvOf({ heads, x, ys }: Figures): string {
  const quoted = heads.map((head) => `"${head.replace(/"/g, '""')}"`);
  return [quoted, ...x.map((at, row) => [at, ...ys.map((y) => y[row] ?? "")])].map((line) => line.join(",")).join("\r\n");
}

/** Hands a file to the reader. */
export function save(content: Blob, name: string): void {
  const link = h("a", { href: URL.createObjectURL(content), download: name });
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
