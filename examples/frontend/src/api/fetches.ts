/** For tests: a network of answers that are given in order. */

import { vi } from "vitest";
import type { Patience } from "./requests";

export interface Sent {
  method: string;
  path: string;
  headers: Headers;
  body: BodyInit | null;
}

/** Answer the next requests, each with one of these; an Error is a connection that fails. */
export function network(...answers: (Response | Error)[]): Sent[] {
  const sent: Sent[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    sent.push({ method: init.method ?? "GET", path, headers: new Headers(init.headers), body: init.body ?? null });
    const answer = answers[sent.length - 1];
    if (!answer) throw new Error("a request too many");
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return sent;
}

export const CUT = new TypeError("network error");

/** A stream of events; cut off at the end where it is said so. */
export function stream(events: readonly (readonly [type: string, data: object, id?: number])[], { cut = false } = {}): Response {
  const text = events.map(([type, data, id]) => `${id === undefined ? "" : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  const pieces = text.map((each) => new TextEncoder().encode(each));
  const body = new ReadableStream<Uint8Array>({
    pull(control) {
      const piece = pieces.shift();
      if (piece) control.enqueue(piece);
      else if (cut) control.error(CUT);
      else control.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const document = { type: `urn:interview:problem:${code}`, title: "Title", detail: "Detail", status };
  return new Response(JSON.stringify(document), { status, headers: { "Content-Type": "application/problem+json", ...headers } });
}

/** Patience that takes no time; what it would have waited is noted. */
export function noTime(tries = 3): Patience & { waited: number[]; heard: boolean[] } {
  const waited: number[] = [];
  const heard: boolean[] = [];
  return {
    delays: Array.from({ length: tries }, (_, index) => 100 * (index + 1)),
    timeout: 1000,
    sleep: async (milliseconds) => void waited.push(milliseconds),
    told: (ok) => heard.push(ok),
    waited,
    heard,
  };
}
