// What a sheet and a dialog share: a native modal `<dialog>`, which brings the
// focus trap, the inert background and Escape along.

/** Opens and closes the element as told; gives the focus back at the end. */
export function modal(element: HTMLDialogElement | undefined, open: boolean): (() => void) | undefined {
  if (!element || !open || element.open) return undefined;
  const before = document.activeElement;
  element.showModal();
  entry(element).focus({ preventScroll: true });
  return () => {
    if (element.open) element.close();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  };
}

/** What is typed into first; where a finger would raise a keyboard by that, the sheet itself. */
function entry(element: HTMLDialogElement): HTMLElement {
  const wanted = element.querySelector<HTMLElement>("[autofocus]");
  if (wanted) return wanted;
  element.tabIndex = -1;
  if (matchMedia("(pointer: coarse)").matches) return element;
  return (
    element.querySelector<HTMLElement>(":is(input, textarea, select):not(:disabled, [readonly])") ?? element
  );
}

/** The press began and ended on the veil, not inside. */
export function onVeil(event: MouseEvent): boolean {
  return event.target === event.currentTarget;
}
