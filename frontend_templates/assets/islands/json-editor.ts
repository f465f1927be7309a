// <json-editor>: the settings of a form as JSON, with completion and checks from the recipe's schema. What is typed here goes to the
// form as one field, and the form, drawn again by the server, says what it has become. The editor itself is fetched when it is seen.
import { h, wordsOf } from "../lib/dom";
import type { Editor } from "../lib/jsonedit";

const PAUSE = 600; // milliseconds without a key before the form hears of it

class JsonEditor extends HTMLElement {
  static observedAttributes = ["data-value", "data-schema"];
  #words!: ReturnType<typeof wordsOf>;
  #editor: Editor | null = null;
  #opening = false;
  #timer = 0;
  #sent = "";
  #seen: IntersectionObserver | null = null;

  connectedCallback(): void {
    this.#words = wordsOf(this);
    this.#seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) void this.#open();
    });
    this.#seen.observe(this);
  }

  disconnectedCallback(): void {
    this.#seen?.disconnect();
    window.clearTimeout(this.#timer);
    this.#editor?.destroy();
    this.#editor = null;
  }

  /** The server's words win, unless somebody is typing here. */
  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (!this.#editor || before === value) return;
    if (name === "data-schema") void this.#schema();
    else if (!this.#editor.focused() || !this.#sent) this.#editor.set(value ?? "{}");
  }

  async #open(): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    this.#seen?.disconnect();
    const { open } = await import("../lib/jsonedit");
    if (!this.isConnected) return;
    const host = h("div", { class: "editor" });
    const shadow = host.attachShadow({ mode: "open" });
    this.#editor = open(shadow, this.dataset.value ?? "{}", this.#words, (text, valid) => this.#typed(text, valid));
    this.replaceChildren(host, h("p", { class: "fine mt-2" }, this.#words("keys")));
    await this.#schema();
  }

  async #schema(): Promise<void> {
    const recipe = await fetch(this.dataset.schema ?? "").then((answer) => (answer.ok ? answer.json() : null), () => null);
    this.#editor?.learn((recipe as { params_schema?: object } | null)?.params_schema ?? {});
  }

  #typed(text: string, valid: boolean): void {
    window.clearTimeout(this.#timer);
    if (!valid) return;
    this.#timer = window.setTimeout(() => this.#send(text), PAUSE);
  }

  #send(text: string): void {
    const form = this.closest("form");
    if (!form || text === this.#sent) return;
    this.#sent = text;
    const field = h("input", { type: "hidden", name: this.getAttribute("name") ?? "json" });
    field.value = text;
    form.append(field);
    form.dispatchEvent(new Event("change", { bubbles: true }));
    // It is said once: afterwards the form's own fields carry the values.
    window.setTimeout(() => field.remove(), 300);
  }
}

customElements.define("json-editor", JsonEditor);
