/** Requests that survive what happens to requests: cut connections, and a service that is just being replaced. */

import { Problem, problemOf, Unreachable } from "./problem";

export interface Request {
  method?: "GET" | "POST" | "DELETE";
  /** Below `/api`. */
  path: string;
  body?: FormData | string;
  headers?: Record<string, string>;
  token?: string | undefined;
  /** Makes a POST one that may be sent again. */
  key?: string;
  signal?: AbortSignal | undefined;
}

/** How long, and how, to go on trying; the tests have less of it. */
export interface Patience {
  /** Milliseconds before each further try. */
  delays: readonly number[];
  /** Milliseconds until a response must have begun. */
  timeout: number;
  sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Told of every failure, and of the success that ends them. */
  told?: (ok: boolean) => void;
}

export const PATIENCE: Patience = {
  delays: [250, 500, 1000, 2000, 3000, 4000, 5000, 5000, 5000],
  timeout: 30_000,
  sleep,
};

/** Seconds of `Retry-After` that we wait by ourselves; what takes longer is told to the person. */
const LONGEST = 10;

/** What a request asks is right, but it came at the wrong moment. What a model failed at is another matter. */
function passes(problem: Problem): boolean {
  if (problem.code.startsWith("model-")) return false;
  if (problem.status === 429) return problem.retryAfter !== null && problem.retryAfter <= LONGEST;
  return problem.status >= 500;
}

/** 128 random bits: nobody can guess them, and no two requests have the same. */
export function randomKey(): string {
  // randomUUID is for secure contexts only; a site on plain HTTP has getRandomValues.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Send a request, and again with the same key while it fails in a way that passes.
 *
 * @throws Problem the service refused; Unreachable it did not answer; AbortError by the signal.
 */
export async function send(request: Request, patience: Patience = PATIENCE): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    let failure: Error;
    try {
      const response = await once(request, patience.timeout);
      if (response.ok) {
        if (attempt) patience.told?.(true);
        return response;
      }
      failure = await problemOf(response);
    } catch (error) {
      request.signal?.throwIfAborted();
      failure = new Unreachable({ cause: error });
    }
    const refused = failure instanceof Problem && !passes(failure);
    const delay = patience.delays[attempt];
    if (refused || delay === undefined) {
      patience.told?.(refused); // a refusal is an answer
      throw failure;
    }
    patience.told?.(false);
    const asked = failure instanceof Problem ? (failure.retryAfter ?? 0) * 1000 : 0;
    await patience.sleep(Math.max(delay, Math.min(asked, LONGEST * 1000)), request.signal);
  }
}

async function once(request: Request, timeout: number): Promise<Response> {
  const headers = new Headers(request.headers);
  if (request.token) headers.set("Authorization", `Bearer ${request.token}`);
  if (request.key) headers.set("Idempotency-Key", request.key);
  if (typeof request.body === "string") headers.set("Content-Type", "application/json");
  // The time is for the head of the response alone: a stream takes as long as it takes.
  const control = new AbortController();
  const abort = () => control.abort(request.signal?.reason);
  request.signal?.addEventListener("abort", abort);
  if (request.signal?.aborted) abort();
  const timer = setTimeout(() => control.abort(new Error("no answer in time")), timeout);
  try {
    return await fetch(`/api${request.path}`, {
      method: request.method ?? "GET",
      headers,
      body: request.body ?? null,
      signal: control.signal,
      cache: "no-store",
      credentials: "omit",
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Wait; less where the device comes back online meanwhile. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", end);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve();
    };
    const timer = setTimeout(end, milliseconds);
    globalThis.addEventListener?.("online", end);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
