/** Where we are, and what is told to those who listen instead of looking. */

import { useEffect } from "react";
import { store } from "./store";

export type Route =
  | { view: "start" }
  | { view: "list" }
  | { view: "interview"; id: string; question: number | null }
  | { view: "report"; id: string };

/**
 * Read an address. The route is in its hash: it works on any web server, and the ids of interviews are in no
 * server's log.
 */
export function routeOf(hash: string): Route {
  const [name, id = "", rest] = hash.replace(/^#?\/?/, "").split("/");
  if (name === "interviews" && /^[0-9a-f]{16}$/.test(id)) {
    if (rest === "report") return { view: "report", id };
    return { view: "interview", id, question: rest && /^\d{1,4}$/.test(rest) ? Number(rest) : null };
  }
  return name === "interviews" ? { view: "list" } : { view: "start" };
}

export const toInterview = (id: string, question?: number) =>
  question === undefined ? `#/interviews/${id}` : `#/interviews/${id}/${question}`;
export const toReport = (id: string) => `#/interviews/${id}/report`;
export const TO_LIST = "#/interviews";
export const TO_START = "#/";

export const route = store<Route>(routeOf(location.hash));
addEventListener("hashchange", () => route.set(routeOf(location.hash)));

/** Go somewhere; `replace` where going back must not lead here again. */
export function go(hash: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", hash);
    route.set(routeOf(hash));
  } else location.hash = hash;
}

/** The sentence that a screen reader says next. */
export const announcement = store("");

export function announce(text: string): void {
  // The same sentence twice is said twice only where it changes.
  announcement.set((now) => (now === text ? `${text}\u00A0` : text));
}

/** The page's title follows the view; the focus goes to its heading, where a view was changed by a link. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · PreView` : "PreView";
  }, [title]);
}

export function focusOn(id: string): void {
  requestAnimationFrame(() => {
    const element = document.getElementById(id);
    element?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: "start", behavior: still() ? "auto" : "smooth" });
  });
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
