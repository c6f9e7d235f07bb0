// What a sheet and a dialog share: a native modal `<dialog>`, which brings the
// focus trap, the inert background and Escape along.

/** Opens and closes the element as told; gives the focus back at the end. */
export function modal(element: HTMLDialogElement | undefined, open: boolean): (() => void) | undefined {
  if (!element || !open || element.open) return undefined;
  const before = document.activeElement;
  element.showModal();
  const first = element.querySelector<HTMLElement>("[autofocus]");
  first?.focus();
  return () => {
    if (element.open) element.close();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  };
}

/** The press began and ended on the veil, not inside. */
export function onVeil(event: MouseEvent): boolean {
  return event.target === event.currentTarget;
}
