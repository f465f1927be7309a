// `data-dialog="id"` on a link or button opens a native dialog; without script the link leads to the same form's page.

export function startDialogs(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as HTMLElement;
    const opener = target.closest<HTMLElement>("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog ?? "");
      if (dialog instanceof HTMLDialogElement) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    if (target.closest("[data-close]")) target.closest("dialog")?.close();
    if (target instanceof HTMLDialogElement) target.close();
  });
  for (const dialog of document.querySelectorAll<HTMLDialogElement>("dialog[data-open]")) {
    dialog.close(); // written open for readers without script
    dialog.showModal();
  }
}
