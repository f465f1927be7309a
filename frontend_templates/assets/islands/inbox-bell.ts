// <inbox-bell data-api data-inbox>: the bell of the top bar. Without script it is a link to the inbox; with it, a menu of the newest
// news, a dot while something is unread, and the browser's own notification while the page is out of sight, for who asked for it.
import { h, icon, say, wordsOf } from "../lib/dom";
import { fetchJson } from "../lib/http";
import { localTimes } from "../lib/times";

interface News {
  id: string;
  title: string;
  detail: string;
  tone: string;
  icon: string;
  path: string;
  workspace: string | null;
  created_at: string;
  read_at: string | null;
}
interface Inbox {
  items: News[];
  unread: number;
}

const EVERY = 30_000;
const WANTED = "browser-news";
const SEEN = "news-seen"; // the newest id any tab of this browser has shown

class InboxBell extends HTMLElement {
  #words = wordsOf(this);
  #timer = 0;
  #menu = h("div", { class: "menu wide", id: "inbox-menu", popover: "auto", role: "menu" });
  #stop = new AbortController();

  connectedCallback(): void {
    const bell = this.querySelector<HTMLAnchorElement>("a");
    if (!bell) return;
    bell.setAttribute("aria-haspopup", "menu");
    bell.setAttribute("role", "button");
    bell.setAttribute("popovertarget", "inbox-menu"); // where menus.ts finds the place of the menu
    this.append(this.#menu);
    this.#menu.setAttribute("aria-label", this.#words("inbox"));
    bell.addEventListener("click", (event) => this.#open(event));
    bell.addEventListener("keydown", (event) => event.key === " " && this.#open(event));
    const signal = this.#stop.signal;
    document.addEventListener("visibilitychange", () => !document.hidden && void this.#look(), { signal });
    this.#timer = window.setInterval(() => void this.#look(), EVERY);
    offerBrowserNews();
  }

  disconnectedCallback(): void {
    window.clearInterval(this.#timer);
    this.#stop.abort();
    this.#menu.remove();
  }

  #open(event: Event): void {
    if (event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    if (this.#menu.matches(":popover-open")) this.#menu.hidePopover();
    else void this.#fetch("limit=6").then((inbox) => inbox && this.#show(inbox));
  }

  async #fetch(query: string): Promise<Inbox | null> {
    if (!navigator.onLine) return null;
    try {
      return await fetchJson<Inbox>(`${this.dataset.api}?${query}`);
    } catch {
      return null; // the next look finds out
    }
  }

  async #look(): Promise<void> {
    const inbox = await this.#fetch("unread=true&limit=6");
    if (!inbox) return;
    this.#count(inbox.unread);
    const newest = Number(inbox.items[0]?.id ?? 0);
    const seen = Number(localStorage.getItem(SEEN) ?? newest);
    localStorage.setItem(SEEN, String(Math.max(newest, seen)));
    for (const news of inbox.items.filter((item) => Number(item.id) > seen)) this.#tell(news);
  }

  #tell(news: News): void {
    say(news.title);
    if (!document.hidden || localStorage.getItem(WANTED) !== "on" || Notification.permission !== "granted") return;
    const shown = new Notification(news.title, { body: news.detail || (news.workspace ?? ""), tag: `slipway-${news.id}` });
    shown.onclick = () => {
      window.focus();
      location.assign(`${this.dataset.inbox}/${news.id}`);
    };
  }

  #count(unread: number): void {
    const bell = this.querySelector("a");
    if (!bell) return;
    bell.dataset.unread = String(unread);
    bell.setAttribute("aria-label", unread ? this.#words("unread", { n: unread }) : this.#words("inbox"));
  }

  #show(inbox: Inbox): void {
    this.#count(inbox.unread);
    const rows = inbox.items.map((news) => {
      const mark = h("span", { class: `mark ${news.tone}` }, icon(news.icon));
      const time = h("time", { datetime: news.created_at }, news.created_at);
      const below = h("span", { class: "sub" }, news.workspace ? `${news.workspace} · ` : null, time);
      const row = { role: "menuitem", class: news.read_at ? "" : "unread", href: `${this.dataset.inbox}/${news.id}` };
      return h("a", row, mark, h("span", { class: "min-w-0 flex-1" }, news.title, below));
    });
    const none = rows.length ? null : h("p", { class: "item meta" }, this.#words("none"));
    const all = h("a", { role: "menuitem", href: this.dataset.inbox }, icon("inbox"), this.#words("all"));
    this.#menu.replaceChildren(...rows, ...(none ? [none] : []), h("hr"), all);
    localTimes(this.#menu);
    this.#menu.showPopover();
  }
}

/** The switch on the account's page: asking for consent needs a click, and holds for this browser. */
function offerBrowserNews(): void {
  const box = document.querySelector<HTMLInputElement>("[data-browser-news]");
  const word = document.querySelector<HTMLElement>("[data-browser-news-word]");
  if (!box || !("Notification" in window)) return;
  box.disabled = Notification.permission === "denied";
  if (box.disabled && word) word.textContent = box.dataset.no ?? "";
  box.checked = Notification.permission === "granted" && localStorage.getItem(WANTED) === "on";
  box.addEventListener("change", async () => {
    const granted = box.checked && (await Notification.requestPermission()) === "granted";
    if (box.checked && !granted && word) word.textContent = box.dataset.no ?? "";
    box.checked = granted;
    localStorage.setItem(WANTED, granted ? "on" : "off");
  });
}

customElements.define("inbox-bell", InboxBell);
