// `<form method="post" data-undo="What happens">`: what can be taken back is not asked, it waits. The row goes at once, the form is
// sent after ten seconds or when the page is left, and until then a toast offers to take it back. Without script it is sent at once.
import { h } from "./dom";
import { problemOf } from "./http";

const SECONDS = 10;

interface Waiting {
  send: (leaving?: boolean) => void;
}

const waiting = new Set<Waiting>();

export function startUndo(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || !form.dataset.undo) return;
    event.preventDefault();
    const body = new FormData(form, (event as SubmitEvent).submitter);
    later(form, body);
  });
  addEventListener("pagehide", () => waiting.forEach((one) => one.send(true)));
}

function later(form: HTMLFormElement, body: FormData): void {
  const row = form.closest<HTMLElement>("[data-row],tr,li");
  const { undo = "", undoWord = "Undo" } = { undo: form.dataset.undo, undoWord: document.documentElement.dataset.undo };
  const button = h("button", { type: "button", class: "btn sm" }, undoWord);
  const toast = h("div", { class: "toast act", role: "status" }, h("span", {}, undo), button);
  const one: Waiting = {
    send: (leaving = false) => {
      end();
      void fetch(form.action, { method: "POST", body, keepalive: leaving, redirect: "manual" }).then(async (answer) => {
        if (answer.type === "opaqueredirect" || answer.ok) row?.remove();
        else if (row) fail(row, (await problemOf(answer)).detail);
      });
    },
  };
  const timer = window.setTimeout(() => one.send(), SECONDS * 1000);
  const end = (): void => {
    window.clearTimeout(timer);
    waiting.delete(one);
    toast.remove();
  };
  button.addEventListener("click", () => {
    end();
    show(row, true);
    (form.querySelector<HTMLElement>("button") ?? form).focus();
  });
  waiting.add(one);
  show(row, false);
  document.querySelector(".toast.act")?.remove();
  document.body.append(toast);
}

/** Hides or shows a row; the count above its table and the words for an empty one follow. */
function show(row: HTMLElement | null, visible: boolean): void {
  if (!row) return;
  row.hidden = !visible;
  const count = row.closest(".card")?.querySelector("[data-count]");
  const none = row.parentElement?.querySelector<HTMLElement>("[data-none]");
  if (count) count.textContent = String(Number(count.textContent) + (visible ? 1 : -1));
  if (none) none.hidden = [...(row.parentElement?.children ?? [])].some((one) => one !== none && !(one as HTMLElement).hidden);
}

/** It did not happen: the row is back, and why stands above it until it is read. */
function fail(row: HTMLElement, why: string): void {
  show(row, true);
  const alert = h("div", { class: "alert bad", role: "alert" }, h("p", {}, why));
  (row.closest(".card") ?? row).before(alert);
}
