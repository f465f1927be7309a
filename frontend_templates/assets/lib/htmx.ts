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
  document.addEventListener("htmx:after:swap", () => upgrade(document));
}

/** Lets elements with `hx-trigger="<name> from:body"` reload themselves. */
export function announce(name: string, detail: unknown = null): void {
  document.body.dispatchEvent(new CustomEvent(name, { detail }));
}
