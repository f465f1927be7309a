// Small builders shared by the islands. Text is always set as text, never parsed as HTML.

type Child = Node | string | null | undefined | false;

/** An element with attributes, properties beginning with "on" as listeners, and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | EventListener | null | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** An icon of the sprite; the page tells where the sprite lies. */
export function icon(name: string, className = "icon"): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.documentElement.dataset.icons ?? ""}#${name}`);
  svg.append(use);
  return svg;
}

/** The words an island got from the server: a JSON block inside its tag, read once, before the tag is filled. */
export function wordsOf(element: Element): (key: string, values?: Record<string, string | number>) => string {
  const block = element.querySelector('script[type="application/json"]');
  const words = JSON.parse(block?.textContent ?? "{}") as Record<string, string>;
  return (key, values = {}) =>
    (words[key] ?? key).replace(/%\((\w+)\)s|%%/g, (whole, name?: string) => (name ? String(values[name] ?? "") : whole.slice(1)));
}

let sayTimer = 0;

/** Announces a message to screen readers, at most the newest of a second. */
export function say(text: string): void {
  const region = document.getElementById("live");
  if (!region) return;
  window.clearTimeout(sayTimer);
  sayTimer = window.setTimeout(() => (region.textContent = text), 300);
}
