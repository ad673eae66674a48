/** Dragging by pointer, mouse or finger alike: a grip names a candidate, a zone names a place. */

/** How far a pointer moves before it drags rather than taps. */
const SLACK = 6;

export interface Drop {
  readonly id: string;
  readonly at: number;
  readonly join: boolean;
}

/** The zone under a point: elements with `data-at` (and `data-join` for "as good as these"). */
function zone(x: number, y: number): HTMLElement | null {
  const under = document.elementFromPoint(x, y);
  return under instanceof Element ? under.closest<HTMLElement>("[data-at]") : null;
}

/** Begins a drag at a grip; `label` is what is carried under the pointer. */
export function grip(event: PointerEvent, id: string, label: string, dropped: (drop: Drop) => void): void {
  if (event.button !== 0 || !event.isPrimary) return;
  const from = { x: event.clientX, y: event.clientY };
  let ghost: HTMLElement | null = null;
  let over: HTMLElement | null = null;

  const move = (now: PointerEvent): void => {
    if (now.pointerId !== event.pointerId) return;
    if (!ghost && Math.hypot(now.clientX - from.x, now.clientY - from.y) < SLACK) return;
    if (!ghost) {
      ghost = document.body.appendChild(document.createElement("div"));
      ghost.className = "ghost";
      ghost.textContent = label;
      document.body.classList.add("dragging");
      getSelection()?.removeAllRanges();
    }
    now.preventDefault();
    ghost.style.transform = `translate(${now.clientX + 8}px, ${now.clientY - 14}px)`;
    const next = zone(now.clientX, now.clientY);
    if (next === over) return;
    over?.classList.remove("over");
    over = next;
    over?.classList.add("over");
  };
  const end = (now: PointerEvent): void => {
    if (now.pointerId !== event.pointerId) return;
    stop();
    if (!ghost) return;
    suppressClick();
    if (now.type === "pointerup" && over) {
      dropped({ id, at: Number(over.dataset["at"]), join: over.dataset["join"] !== undefined });
    }
  };
  const stop = (): void => {
    document.removeEventListener("pointermove", move);
    document.removeEventListener("pointerup", end);
    document.removeEventListener("pointercancel", end);
    document.body.classList.remove("dragging");
    over?.classList.remove("over");
    ghost?.remove();
  };
  document.addEventListener("pointermove", move, { passive: false });
  document.addEventListener("pointerup", end);
  document.addEventListener("pointercancel", end);
}

/** The click that a browser makes of the end of a drag is none. */
function suppressClick(): void {
  const swallow = (click: Event): void => click.stopPropagation();
  document.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 0);
}
