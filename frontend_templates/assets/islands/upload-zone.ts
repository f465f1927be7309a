// <upload-zone>: drop or choose files; they travel at once, and their ids become `uploads` fields of the form around it.
import { h, icon, wordsOf } from "../lib/dom";
import { bytes, clock, count, elapsed } from "../lib/format";
import { csrfToken, fetchJson } from "../lib/http";
import { dropped } from "../lib/dropped";
import { fingerprint } from "../lib/fingerprint";
import { Transfer, type Unfinished } from "../lib/transfer";

const AT_ONCE = 3;
const SHOWN = 20;

const SHEETS = /\.(xlsx?|xlsm|numbers|ods)$/;

/** A file of this page that is on the server already: the page was left and opened again. */
interface Kept {
  id: string;
  name: string;
  size: number;
}

/** What addresses allow of a text: small letters, figures and hyphens. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");
}

class UploadZone extends HTMLElement {
  #words!: ReturnType<typeof wordsOf>;
  #form: HTMLFormElement | null = null;
  #transfers: Transfer[] = [];
  #unfinished: Unfinished[] = [];
  #kept: Kept[] = [];
  #named: [string, string] = ["", ""];
  #list!: HTMLElement;
  #notes!: HTMLElement;
  #waiting = false;
  #frame = 0;
  #onSubmit = (event: SubmitEvent): void => this.#submit(event);
  #onInput = (): void => this.#remember();
  #onLeave = (event: BeforeUnloadEvent): void => {
    if (this.#transfers.some((transfer) => transfer.state === "uploading")) event.preventDefault();
  };

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#form = this.closest("form");
    this.#build();
    this.#form?.addEventListener("submit", this.#onSubmit, true);
    this.#form?.addEventListener("input", this.#onInput);
    addEventListener("beforeunload", this.#onLeave);
    this.#restore();
    void this.#ask();
  }

  disconnectedCallback(): void {
    this.#form?.removeEventListener("submit", this.#onSubmit, true);
    this.#form?.removeEventListener("input", this.#onInput);
    removeEventListener("beforeunload", this.#onLeave);
    for (const transfer of this.#transfers) transfer.pause();
  }

  #build(): void {
    const words = this.#words;
    const files = this.#chooser(false);
    const folder = this.#chooser(true);
    const zone = h(
      "div",
      { class: "drop" },
      icon("file-up"),
      h("span", {}, h("b", {}, words("drop")), " ", h("span", { class: "meta" }, words("kinds"))),
      h("span", { class: "acts" }, files, folder),
    );
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      void dropped(event.dataTransfer).then((files) => this.#add(files));
    });
    this.#notes = h("div", { role: "status" });
    this.#list = h("div", {});
    this.replaceChildren(zone, this.#notes, this.#list);
  }

  #chooser(folder: boolean): HTMLElement {
    const input = h("input", { type: "file", multiple: true, class: "sr", tabindex: -1, "aria-hidden": "true" });
    if (folder) input.webkitdirectory = true;
    else if (this.dataset.accept) input.accept = this.dataset.accept;
    input.addEventListener("change", () => {
      this.#add([...(input.files ?? [])]);
      input.value = "";
    });
    const button = h("button", { type: "button", class: "btn sm", onclick: () => input.click() }, this.#words(folder ? "folder" : "file"));
    return h("span", {}, button, input);
  }

  async #ask(): Promise<void> {
    const page = await fetchJson<{ items: Unfinished[] }>(this.dataset.endpoint ?? "").catch(() => ({ items: [] }));
    this.#unfinished = page.items.filter((upload) => upload.offset < upload.size);
    this.#moved();
  }

  /** Type and size are judged before the first byte travels. */
  #add(files: File[]): void {
    const limit = Number(this.dataset.limit ?? Infinity);
    const wanted = (this.dataset.accept ?? "").split(",").filter(Boolean);
    const refused: string[] = [];
    for (const file of files) {
      const name = file.name.toLowerCase();
      if (name.startsWith(".")) continue;
      if (wanted.length && SHEETS.test(name)) refused.push(this.#words("sheet", { name: file.name }));
      else if (wanted.length && !wanted.some((ending) => name.endsWith(ending))) refused.push(this.#words("type", { name: file.name }));
      else if (file.size > limit) refused.push(this.#words("big", { name: file.name, limit: bytes(limit) }));
      else if (file.size === 0) refused.push(this.#words("empty", { name: file.name }));
      else this.#transfers.push(new Transfer(file, this.dataset.endpoint ?? "", this.dataset.workspace ?? "", () => this.#moved()));
    }
    this.#notes.replaceChildren(...refused.slice(0, 5).map((text) => h("p", { class: "rowline tone-bad" }, text)));
    this.#name(this.#transfers[0]?.file);
    this.#moved();
  }

  /** The file's name is a good first name for what is being made. Where an address cannot carry it, it becomes the title. */
  #name(file: File | undefined): void {
    const field = this.#field("input[data-from-file]");
    if (!file || !field || field.value) return;
    const base = (file.webkitRelativePath.split("/")[0] || file.name).replace(/\.(tar\.\w+|\w+)$/, "");
    const name = slug(base);
    const spare = this.dataset.spare ?? "dataset";
    field.value = /[a-z]/.test(name) ? name : slug(name ? `${spare.replace(/-\d+$/, "")}-${name}` : spare);
    const title = this.#field("input[name=title]");
    if (title && !title.value && /[^\x20-\x7e]/.test(base)) title.value = base;
    this.#named = [field.value, base];
  }

  /** A name that came from a file goes with it. */
  #unname(): void {
    if (this.#transfers.length + this.#kept.length) return;
    for (const [selector, value] of [["input[data-from-file]", this.#named[0]], ["input[name=title]", this.#named[1]]] as const) {
      const field = this.#field(selector);
      if (field && field.value === value) field.value = "";
    }
  }

  #field(selector: string): HTMLInputElement | null {
    return this.#form?.querySelector<HTMLInputElement>(selector) ?? null;
  }

  // ---- left and opened again ----------------------------------------------------------------------------------
  /** The history's own entry carries what is on the server and how it is called: the way back finds it, another page does not. */
  #remember(): void {
    const done = this.#transfers.filter((transfer) => transfer.state === "done");
    const kept = [...this.#kept, ...done.map(({ id, name, file }) => ({ id, name, size: file.size }))];
    const left = { kept, name: this.#field("input[data-from-file]")?.value, title: this.#field("input[name=title]")?.value };
    const before = (history.state ?? {}) as Record<string, unknown>;
    if (JSON.stringify(before.upload) !== JSON.stringify(left)) history.replaceState({ ...before, upload: left }, "");
  }

  #restore(): void {
    const left = (history.state as { upload?: { kept: Kept[]; name?: string; title?: string } } | null)?.upload;
    if (!left) return;
    const there = new Set([...(this.#form?.querySelectorAll<HTMLInputElement>("input[name=uploads]") ?? [])].map((input) => input.value));
    this.#kept = left.kept.filter((file) => !there.has(file.id));
    for (const [selector, value] of [["input[data-from-file]", left.name], ["input[name=title]", left.title]] as const) {
      const field = this.#field(selector);
      if (field && value && !field.value) field.value = value;
    }
    this.#moved();
  }

  #moved(): void {
    this.#form?.classList.toggle("chosen", this.#transfers.length + this.#kept.length > 0);
    this.#remember();
    const running = this.#transfers.filter((transfer) => transfer.state === "uploading").length;
    const next = this.#transfers.filter((transfer) => transfer.state === "waiting").slice(0, Math.max(0, AT_ONCE - running));
    for (const transfer of next) void transfer.start(this.#unfinished);
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
    if (this.#waiting && this.#transfers.every((transfer) => transfer.state === "done")) this.#send();
  }

  // ---- the form -----------------------------------------------------------------------------------------------
  #submit(event: SubmitEvent): void {
    if (!this.#transfers.length) return this.#bring();
    event.preventDefault();
    event.stopImmediatePropagation();
    this.#waiting = true;
    (event.submitter ?? this.#form?.querySelector("button[type=submit]"))?.setAttribute("aria-busy", "true");
    this.#moved();
    this.#draw();
  }

  /** The ids of what is on the server go with the form. */
  #bring(): void {
    for (const { id } of [...this.#kept, ...this.#transfers]) this.#form?.append(h("input", { type: "hidden", name: "uploads", value: id }));
  }

  #send(): void {
    this.#waiting = false;
    this.#bring();
    this.#form?.removeEventListener("submit", this.#onSubmit, true);
    removeEventListener("beforeunload", this.#onLeave);
    // A form cannot be sent again from inside its own submit event.
    window.setTimeout(() => this.#form?.requestSubmit());
  }

  // ---- drawing ------------------------------------------------------------------------------------------------
  #draw(): void {
    const rows: HTMLElement[] = [];
    const files = new Set(this.#transfers.map((transfer) => transfer.name));
    if (this.#transfers.length > SHOWN) rows.push(this.#sum());
    else rows.push(...this.#transfers.map((transfer) => this.#row(transfer)));
    rows.unshift(...this.#kept.map((file) => this.#there(file)));
    rows.push(...this.#unfinished.filter((upload) => !files.has(upload.filename)).map((upload) => this.#stopped(upload)));
    if (this.#waiting) rows.push(h("p", { class: "rowline meta", role: "status" }, this.#words("waits")));
    this.#list.replaceChildren(...rows);
  }

  #there(file: Kept): HTMLElement {
    const drop = h("button", { type: "button", class: "btn sm quiet ico", "aria-label": `${this.#words("remove")} ${file.name}` }, icon("x"));
    drop.addEventListener("click", () => {
      this.#kept = this.#kept.filter((other) => other !== file);
      this.#unname();
      this.#moved();
    });
    const line = h("div", { class: "line" }, bytes(file.size));
    return this.#line(file.name, "done", h("div", { class: "bar" }, this.#bar(1, "ok"), line), drop);
  }

  #row(transfer: Transfer): HTMLElement {
    const { state, sent, file, rate } = transfer;
    const size = file.size;
    const tone = { waiting: "idle", uploading: "", paused: "hold", failed: "bad", done: "ok" }[state];
    const left = rate > 0 ? (size - sent) / rate : 0;
    const note =
      state === "failed"
        ? transfer.problem
        : state === "uploading" && left
          ? this.#words("ends", { clock: clock(Date.now() + left * 1000).slice(0, 5), left: elapsed(left) })
          : "";
    const figures = [`${size ? Math.floor((sent / size) * 100) : 100} %`, `${bytes(sent)} / ${bytes(size)}`, state === "uploading" ? `${bytes(rate)}/s` : ""];
    const line = h("div", { class: `line ${state === "failed" ? "bad" : ""}` }, h("span", { class: "figures" }, ...figures.filter(Boolean).map((figure) => h("span", {}, figure))), h("span", {}, note));
    return this.#line(transfer.name, state, h("div", { class: "bar" }, this.#bar(sent / size, tone), line), ...this.#actions(transfer));
  }

  #line(name: string, state: string, bar: HTMLElement, ...actions: HTMLElement[]): HTMLElement {
    const looks: Record<string, [string, string]> = {
      waiting: ["", "clock"],
      uploading: ["accent", "loader-circle"],
      paused: ["hold", "pause"],
      failed: ["bad", "circle-x"],
      done: ["ok", "check"],
    };
    const [tone, mark] = looks[state] ?? ["", "clock"];
    const badge = h("span", { class: `badge ${tone}` }, icon(mark, state === "uploading" ? "icon spin" : "icon"), this.#words(state));
    return h("div", { class: "up" }, icon("file-text"), h("b", {}, name), badge, bar, h("span", { class: "acts" }, ...actions));
  }

  #bar(share: number, tone: string): HTMLElement {
    const fill = h("i", {});
    fill.style.width = `${Math.min(100, share * 100)}%`;
    const value = String(Math.floor(share * 100));
    return h("div", { class: `prog thin ${tone}`, role: "progressbar", "aria-valuenow": value, "aria-label": this.#words("progress") }, fill);
  }

  #actions(transfer: Transfer): HTMLElement[] {
    const words = this.#words;
    const button = (word: string, mark: string, act: () => void): HTMLElement =>
      h("button", { type: "button", class: "btn sm", onclick: act }, icon(mark), words(word));
    const drop = h("button", { type: "button", class: "btn sm quiet ico", "aria-label": `${words("remove")} ${transfer.name}` }, icon("x"));
    drop.addEventListener("click", () => {
      this.#transfers = this.#transfers.filter((other) => other !== transfer);
      void transfer.cancel();
      this.#unname();
      this.#moved();
    });
    if (transfer.state === "uploading") return [button("pause", "pause", () => transfer.pause()), drop];
    if (transfer.state === "paused") return [button("resume", "play", () => transfer.resume()), drop];
    if (transfer.state === "failed") return [button("again", "rotate-ccw", () => transfer.resume()), drop];
    return [drop];
  }

  /** Thousands of files are one line with a sum. */
  #sum(): HTMLElement {
    const total = this.#transfers.reduce((sum, transfer) => sum + transfer.file.size, 0);
    const sent = this.#transfers.reduce((sum, transfer) => sum + transfer.sent, 0);
    const done = this.#transfers.filter((transfer) => transfer.state === "done").length;
    const failed = this.#transfers.filter((transfer) => transfer.state === "failed");
    const state = failed.length ? "failed" : done === this.#transfers.length ? "done" : "uploading";
    const line = h("div", { class: "line" }, `${bytes(sent)} / ${bytes(total)}`, failed[0] ? `${failed[0].name}: ${failed[0].problem}` : "");
    const again = h("button", { type: "button", class: "btn sm", onclick: () => failed.forEach((transfer) => transfer.resume()) }, this.#words("again"));
    const name = this.#words("files", { done: count(done), all: count(this.#transfers.length) });
    return this.#line(name, state, h("div", { class: "bar" }, this.#bar(sent / total, ""), line), ...(failed.length ? [again] : []));
  }

  /** Begun elsewhere or before a reload: choose the same file and it goes on where it stopped. */
  #stopped(upload: Unfinished): HTMLElement {
    const share = upload.offset / upload.size;
    const note = this.#words("choose", { percent: Math.floor(share * 100) });
    const line = h("div", { class: "line" }, `${bytes(upload.offset)} / ${bytes(upload.size)}`, note);
    const drop = h("button", { type: "button", class: "btn sm quiet ico", "aria-label": `${this.#words("remove")} ${upload.filename}` }, icon("x"));
    drop.addEventListener("click", () => {
      this.#unfinished = this.#unfinished.filter((other) => other !== upload);
      const headers = { "X-CSRFToken": csrfToken(), "Tus-Resumable": "1.0.0" };
      void fetch(`${this.dataset.endpoint}/${upload.id}`, { method: "DELETE", headers });
      this.#draw();
    });
    const input = h("input", { type: "file", class: "sr", tabindex: -1, "aria-hidden": "true" });
    input.addEventListener("change", () => void this.#resume(upload, input.files?.[0]));
    const pick = h("button", { type: "button", class: "btn sm", onclick: () => input.click() }, icon("folder-open"), this.#words("pick"), input);
    return this.#line(upload.filename, "paused", h("div", { class: "bar" }, this.#bar(share, "hold"), line), pick, drop);
  }

  /** Goes on only with the file that stopped: another one would be a new upload. */
  async #resume(upload: Unfinished, file: File | undefined): Promise<void> {
    if (!file) return;
    const same = (await fingerprint(file, this.dataset.workspace ?? "")) === upload.metadata.fingerprint;
    if (same) this.#add([file]);
    else this.#notes.replaceChildren(h("p", { class: "rowline tone-bad" }, this.#words("other")));
  }
}

customElements.define("upload-zone", UploadZone);
