import { useEffect, useRef } from "react";
import { announce } from "../state/page";
import type { Work } from "../state/works";
import { useWords } from "../words";

/** How far work is: on its way, waiting for a turn (and at which place), being done. */
export function Progress({ work, text }: { work: Work | undefined; text: string }) {
  const say = useWords().interview;
  const state = work?.state ?? "running";
  const shown = state === "sending" ? say.sending : state === "waiting" ? say.waiting(work?.place ?? 0, work?.seconds ?? 0) : text;
  // The seconds change all the time; those who listen hear of the place alone.
  const spoken = `${state} ${work?.place ?? 0}`;
  const last = useRef("");
  useEffect(() => {
    if (last.current !== spoken && state !== "sending") announce(shown);
    last.current = spoken;
  });
  return (
    <p className="state">
      <span className="spinner" aria-hidden="true" />
      {shown}
    </p>
  );
}
