// What scrolls sideways can be reached by keyboard; what does not scroll is no stop on the way.

const MARKS = ".scroller, pre.code, .md pre";

export function startScrollers(): void {
  addEventListener("resize", () => markScrollers(document));
  void document.fonts.ready.then(() => markScrollers(document)); // other letters, other widths
}

export function markScrollers(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLElement>(MARKS)) {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  }
}
