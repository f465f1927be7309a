// What scrolls can be reached by keyboard; what does not scroll is no stop on the way.

const MARKS = ".scroller, pre.code, .md pre";

export function startScrollers(): void {
  addEventListener("resize", () => markScrollers(document));
  void document.fonts.ready.then(() => markScrollers(document)); // other letters, other widths
}

export function markScrollers(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>(MARKS)) {
    if (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
  for (const tab of root.querySelectorAll<HTMLElement>(".tabs > [aria-current]")) show(tab, tab.parentElement);
}

/** Brings the open tab into a bar that is wider than a phone. */
function show(tab: HTMLElement, bar: HTMLElement | null): void {
  if (!bar || bar.scrollWidth <= bar.clientWidth) return;
  bar.scrollLeft = tab.offsetLeft - bar.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2;
}
