// What is cut off on the page is whole under the pointer.

const CUT = ".table :is(th, td, .sub, .name), .crumb li, .ws b, .lineage *, .page-head > :is(h1, .meta), .news .room, .cut";

export function startTips(): void {
  document.addEventListener("mouseover", (event) => {
    const part = event.target instanceof Element ? event.target.closest<HTMLElement>(CUT) : null;
    if (!part || part.title || part.querySelector("[title]")) return;
    if (part.scrollWidth > part.clientWidth + 1 || part.scrollHeight > part.clientHeight + 1) part.title = part.innerText.trim();
  });
}
