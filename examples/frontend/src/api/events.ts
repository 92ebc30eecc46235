/** Server-Sent Events read from a fetch, since EventSource can send no headers, and a token has no place in a URL. */

export interface ServerEvent {
  type: string;
  data: string;
  /** The id that this event set; null where it set none, and cannot be asked for again. */
  id: string | null;
}

/** Takes a stream's text in pieces of any size and gives its events as they are complete. */
export class EventParser {
  #rest = "";
  #first = true;
  #type = "";
  #data: string[] = [];
  #id: string | null = null;

  feed(text: string): ServerEvent[] {
    let rest = this.#rest + text;
    if (this.#first && rest) {
      this.#first = false;
      if (rest.startsWith("\uFEFF")) rest = rest.slice(1);
    }
    const found: ServerEvent[] = [];
    for (;;) {
      const end = rest.search(/[\r\n]/);
      // A carriage return at the very end may be the first half of a line's end.
      if (end < 0 || (rest[end] === "\r" && end === rest.length - 1)) break;
      const event = this.#line(rest.slice(0, end));
      if (event) found.push(event);
      rest = rest.slice(end + (rest.startsWith("\r\n", end) ? 2 : 1));
    }
    this.#rest = rest;
    return found;
  }

  #line(line: string): ServerEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#type = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    return null; // comments, which keep the connection alive, and what we do not know
  }

  #dispatch(): ServerEvent | null {
    const event = { type: this.#type || "message", data: this.#data.join("\n"), id: this.#id };
    const empty = this.#data.length === 0;
    this.#type = "";
    this.#data = [];
    this.#id = null;
    return empty ? null : event;
  }
}

/** No sign of life for so long, and the connection is taken for dead: the service sends one every 15 seconds. */
export const SILENCE = 40_000;

/**
 * The events of a response's body, to its end.
 *
 * @throws when the connection is cut, or silent for `silence` milliseconds.
 */
export async function* events(body: ReadableStream<Uint8Array>, silence = SILENCE): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { value, done } = await soon(reader.read(), silence);
      if (done) return;
      yield* parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function soon<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("silent for too long")), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
