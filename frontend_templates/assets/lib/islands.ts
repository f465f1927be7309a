// Custom elements whose script is fetched only where the tag appears; what a page is for comes before what is on every page.

const LOADERS: Record<string, () => Promise<unknown>> = {
  "log-view": () => import("../islands/log-view"),
  "metric-charts": () => import("../islands/metric-charts"),
  "usage-charts": () => import("../islands/usage-charts"),
  "upload-zone": () => import("../islands/upload-zone"),
  "chat-play": () => import("../islands/chat-play"),
  "json-editor": () => import("../islands/json-editor"),
  "media-player": () => import("../islands/media-player"),
  "job-live": () => import("../islands/job-live"),
  "inbox-bell": () => import("../islands/inbox-bell"),
  "cmd-palette": () => import("../islands/cmd-palette"),
};

export const ISLANDS = Object.keys(LOADERS);

const started = new Set<string>();

export function loadIslands(root: ParentNode): void {
  for (const [tag, load] of Object.entries(LOADERS)) {
    if (started.has(tag) || !root.querySelector(tag)) continue;
    started.add(tag);
    load().catch(() => started.delete(tag));
  }
}
