// `a[data-lightbox]` shows its picture over the page; without script the link leads to the picture.
import { h } from "./dom";

export function startLightbox(): void {
  document.addEventListener("click", (event) => {
    const link = (event.target as HTMLElement).closest<HTMLAnchorElement>("a[data-lightbox]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const dialog = h("dialog", { class: "lightbox", "aria-label": link.getAttribute("aria-label") }, h("img", { src: link.href, alt: "" }));
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  });
}
