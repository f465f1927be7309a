// `[` and `]` go to the samples of the step before and after: links with `data-sample`, wherever the page has them.
import { isCommand } from "./keys";

const WAYS: Record<string, string> = { "[": "before", "]": "after" };

export function startSamples(): void {
  document.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way || !isCommand(event)) return;
    document.querySelector<HTMLAnchorElement>(`a[data-sample="${way}"]`)?.click();
  });
}
