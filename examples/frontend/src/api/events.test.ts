import { describe, expect, it } from "vitest";
import { EventParser, events, type ServerEvent } from "./events";

const STREAM =
  '\uFEFFretry: 1000\nevent: queued\ndata: {"task": "t"}\n\n: still here\n\n' +
  'id: 1\nevent: delta\ndata: {"text": "주문 🙂"}\n\nid: 2\nevent: result\ndata: {\ndata:  "a": 1}\n\nevent: done\ndata\n\nevent: cut';

const EVENTS: ServerEvent[] = [
  { type: "queued", data: '{"task": "t"}', id: null },
  { type: "delta", data: '{"text": "주문 🙂"}', id: "1" },
  { type: "result", data: '{\n "a": 1}', id: "2" },
  { type: "done", data: "", id: null },
];

async function all(body: ReadableStream<Uint8Array>, silence?: number): Promise<ServerEvent[]> {
  const found: ServerEvent[] = [];
  for await (const event of events(body, silence)) found.push(event);
  return found;
}

function inPieces(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(control) {
      if (at >= bytes.length) control.close();
      else control.enqueue(bytes.slice(at, (at += size)));
    },
  });
}

describe("a stream of events", () => {
  it.each([
    ["\n", "line feeds"],
    ["\r\n", "both"],
    ["\r", "carriage returns"],
  ])("is read with lines that end with %j (%s)", (end) => {
    expect(new EventParser().feed(STREAM.replaceAll("\n", end) + end)).toEqual(EVENTS);
  });

  it.each([1, 2, 3, 7, 1000])("is read in pieces of %i bytes, though they cut letters", async (size) => {
    for (const text of [STREAM, STREAM.replaceAll("\n", "\r\n")])
      expect(await all(inPieces(new TextEncoder().encode(text), size))).toEqual(EVENTS);
  });

  it("does not give an event twice where a line's end is cut in two", () => {
    const parser = new EventParser();
    expect(parser.feed("data: 1\r\n\r")).toEqual([]);
    expect(parser.feed("\ndata: 2\r\n\r\n").map((event) => event.data)).toEqual(["1", "2"]);
  });

  it("fails where it is cut or silent", async () => {
    const cut = new ReadableStream<Uint8Array>({ pull: (control) => control.error(new TypeError("network")) });
    await expect(all(cut)).rejects.toThrow("network");
    await expect(all(new ReadableStream(), 10)).rejects.toThrow("silent");
  });
});
