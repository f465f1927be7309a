// Menus are native popovers; this adds their place beside the button and the arrow keys.

function place(menu: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const width = menu.offsetWidth;
  const left = Math.min(Math.max(8, at.left + width > innerWidth - 8 ? at.right - width : at.left), innerWidth - width - 8);
  const below = at.bottom + 4 + menu.offsetHeight < innerHeight;
  menu.style.left = `${left}px`;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - menu.offsetHeight)}px`;
}

export function startMenus(): void {
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target as HTMLElement;
      if (!menu.matches?.(".menu[popover]")) return;
      const button = document.querySelector<HTMLElement>(`[popovertarget="${CSS.escape(menu.id)}"]`);
      const open = (event as ToggleEvent).newState === "open";
      button?.setAttribute("aria-expanded", String(open));
      if (open && button) {
        place(menu, button);
        menu.querySelector<HTMLElement>("a,button")?.focus();
      }
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    const menu = (event.target as HTMLElement).closest?.<HTMLElement>(".menu[popover]");
    if (!menu || !["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) return;
    const items = [...menu.querySelectorAll<HTMLElement>("a,button")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key] ?? 0;
    items[(next + items.length) % items.length]?.focus();
    event.preventDefault();
  });
}
