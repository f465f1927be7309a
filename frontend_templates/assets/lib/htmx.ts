// Everything that depends on htmx's version: its events, its config, its request headers. Nothing else may import htmx.
import htmx from "htmx.org";
import { csrfToken } from "./http";
import { ISLANDS } from "./islands";

interface RequestEvent extends Event {
  detail: { ctx: { request: { method: string; headers: Record<string, string> } } };
}

/** Configures htmx and calls `upgrade` on every piece of page it brings in. */
export function startHtmx(upgrade: (root: ParentNode) => void): void {
  Object.assign(htmx.config, {
    includeIndicatorCSS: false,
    morphSkipChildren: ISLANDS.join(","),
    morphIgnore: ["data-htmx-powered", "open"], // what a person has opened stays open
    history: "reload",
    defaultTimeout: 30000,
  });
  document.addEventListener("htmx:config:request", (event) => {
    const { request } = (event as RequestEvent).detail.ctx;
    if (request.method.toUpperCase() !== "GET") request.headers["X-CSRFToken"] = csrfToken();
  });
  document.addEventListener("htmx:before:request", (event) => {
    if (mustWait(event.target as HTMLElement)) event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => upgrade(document));
}

/** A part that reloads by itself waits while there is no network, and while somebody has a menu or dialog open or types in it. */
function mustWait(source: HTMLElement): boolean {
  const trigger = source.getAttribute("hx-trigger") ?? "";
  if (!/every|from:body/.test(trigger)) return false;
  if (!navigator.onLine) return true;
  const field = document.activeElement;
  return source.querySelector(":popover-open, dialog[open]") !== null || (field !== source && source.contains(field) && field!.matches("input:not([type=checkbox]),select,textarea"));
}

/** Lets elements with `hx-trigger="<name> from:body"` reload themselves. */
export function announce(name: string, detail: unknown = null): void {
  document.body.dispatchEvent(new CustomEvent(name, { detail }));
}
