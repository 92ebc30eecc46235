/** The interviewer's work, followed as it is done: a stream that is cut is taken up where it was lost. */

import { events } from "./events";
import { Unreachable } from "./problem";
import { PATIENCE, type Patience, type Request, send } from "./requests";

/** What is needed to come back to a piece of work. */
export interface Opened {
  interview: string;
  task: string;
  /** Of a new interview. */
  token?: string;
}

/** What the interviewer could not do. */
export class WorkFailed extends Error {
  constructor(
    readonly code: string,
    readonly values: Record<string, unknown>,
    readonly retryable: boolean,
    readonly opened: Opened,
  ) {
    super(code);
    this.name = "WorkFailed";
  }
}

/** Told of the work as it goes on. */
export interface Follower {
  opened?(opened: Opened): void;
  waiting?(place: number, seconds: number): void;
  /** It begins, or begins again: texts told before are void. */
  began?(): void;
  text?(path: string, text: string): void;
}

export interface Start {
  /** The POST that begins it. */
  request?: Request;
  /** Work that was begun before. */
  opened?: Opened;
  token?: string | undefined;
  language: string;
  signal?: AbortSignal | undefined;
}

/** Streams in a row that end without a word. */
const CUTS = 6;

/**
 * Begin work, or come back to it, and follow it to its result.
 *
 * @throws Problem it was refused; WorkFailed it was not done; Unreachable the service is gone.
 */
export async function perform<T>(start: Start, follower: Follower, patience: Patience = PATIENCE): Promise<T> {
  let opened = start.opened;
  let token = start.token;
  let last = "";
  let cuts = 0;
  for (;;) {
    const headers: Record<string, string> = { Accept: "text/event-stream", "Accept-Language": start.language };
    if (opened && last) headers["Last-Event-ID"] = last;
    const request: Request =
      !opened && start.request
        ? { ...start.request, headers }
        : { path: `/interviews/${opened?.interview}/tasks/${opened?.task}/events`, headers };
    const response = await send({ ...request, token, signal: start.signal }, patience);
    try {
      let failure: WorkFailed | null = null;
      for await (const event of read(response)) {
        cuts = 0;
        if (event.id) last = event.id;
        const data = JSON.parse(event.data);
        if (event.type === "queued" && data.interview) {
          token = data.token ?? token;
          if (!opened) follower.opened?.((opened = data as Opened));
        } else if (event.type === "queued") follower.waiting?.(data.place, data.seconds);
        else if (event.type === "started" || (event.type === "delta" && !data.path)) {
          failure = null;
          follower.began?.();
        } else if (event.type === "delta") follower.text?.(data.path, data.text);
        else if (event.type === "result") return data as T;
        else if (event.type === "error" && opened)
          failure = new WorkFailed(data.code, data.values ?? {}, data.retryable, opened);
        else if (event.type === "done" && failure) throw failure;
      }
    } catch (error) {
      start.signal?.throwIfAborted();
      if (error instanceof WorkFailed) throw error;
    }
    // It ended without a result: cut off.
    if (++cuts > CUTS) throw new Unreachable();
    await patience.sleep(patience.delays[Math.min(cuts, patience.delays.length) - 1] ?? 0, start.signal);
  }
}

function read(response: Response) {
  const stream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
  if (!stream || !response.body) throw new Error("no stream"); // a page of a proxy's
  return events(response.body);
}

/** A document as far as it is known, from texts by their JSON pointers. */
export function partial(texts: ReadonlyMap<string, string>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [pointer, text] of texts) {
    const steps = pointer.split("/").slice(1);
    let place: Record<string, unknown> | unknown[] = root;
    steps.forEach((step, index) => {
      const holder = place as Record<string, unknown>;
      if (index === steps.length - 1) holder[step] = text;
      else place = (holder[step] ??= /^\d+$/.test(steps[index + 1] ?? "") ? [] : {}) as Record<string, unknown>;
    });
  }
  return root;
}
