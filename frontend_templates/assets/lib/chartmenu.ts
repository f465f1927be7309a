// The menu of one chart: which series show, pin, picture, file.
import type { Chart } from "./chart";
import { csvOf, save } from "./charttable";
import { h, icon, type wordsOf } from "./dom";
import { token } from "./theme";

let made = 0;

export interface Pins {
  has(name: string): boolean;
  toggle(name: string): void;
}

export function chartMenu(chart: Chart, name: string, words: ReturnType<typeof wordsOf>, pins: Pins): HTMLElement {
  const id = `chart-menu-${(made += 1)}`;
  const menu = h("div", { class: "menu", id, popover: "auto", role: "menu" });
  const button = h(
    "button",
    { class: "btn sm quiet ico", type: "button", popovertarget: id, "aria-haspopup": "menu", "aria-label": words("menu", { name: chart.name }) },
    icon("ellipsis"),
  );
  const item = (word: string, mark: SVGSVGElement, act: () => void): HTMLElement =>
    h("button", { type: "button", role: "menuitem", onclick: () => (menu.hidePopover(), act()) }, mark, words(word));
  menu.addEventListener("beforetoggle", (event) => {
    if ((event as ToggleEvent).newState !== "open") return;
    const series = chart.keys.map((key) => switchOf(chart, key));
    const pin = item(pins.has(name) ? "unpin" : "pin", icon("pin"), () => pins.toggle(name));
    const png = item("png", icon("image"), () => void picture(chart));
    const csv = item("csv", icon("file-spreadsheet"), () => save(new Blob([csvOf(chart.figures())], { type: "text/csv" }), `${fileName(chart)}.csv`));
    menu.replaceChildren(...(series.length > 1 ? [...series, h("hr", {})] : []), pin, png, csv);
  });
  return h("span", { class: "charttools" }, button, menu);
}

function switchOf(chart: Chart, key: string): HTMLElement {
  const button = h("button", { type: "button", role: "menuitemcheckbox", "aria-checked": String(!chart.hidden.has(key)) }, icon("check"), key);
  button.addEventListener("click", () => {
    chart.toggle(key);
    button.setAttribute("aria-checked", String(!chart.hidden.has(key)));
  });
  return button;
}

const fileName = (chart: Chart): string => chart.name.replace(/[^\p{L}\p{N}._-]+/gu, "-");

/** What the chart shows, on the card's ground with its name, as a picture. */
async function picture(chart: Chart): Promise<void> {
  const source = chart.plot?.ctx.canvas;
  if (!source) return;
  const scale = devicePixelRatio || 1;
  const canvas = h("canvas", { width: source.width, height: source.height + 28 * scale });
  const context = canvas.getContext("2d");
  if (!context) return;
  context.fillStyle = token("surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = token("ink");
  context.font = `500 ${13 * scale}px ${getComputedStyle(document.documentElement).fontFamily}`;
  context.fillText(chart.name, 8 * scale, 18 * scale);
  context.drawImage(source, 0, 28 * scale);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done));
  if (blob) save(blob, `${fileName(chart)}.png`);
}
