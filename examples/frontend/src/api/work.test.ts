import { describe, expect, it, vi } from "vitest";
import { CUT, network, noTime, problem, stream } from "./fetches";
import { Unreachable } from "./problem";
import { type Follower, partial, perform, type Start, WorkFailed } from "./work";

const OPENED = { interview: "0123456789abcdef", task: "fedcba9876543210", token: "secret" };
const EVENTS = `/api/interviews/${OPENED.interview}/tasks/${OPENED.task}/events`;
const START: Start = { request: { method: "POST", path: "/interviews", body: "{}", key: "a-key-of-sixteen" }, language: "ko" };
const RESULT = { questions: [] };

function follower() {
  const texts = new Map<string, string>();
  const followed: Follower = {
    opened: vi.fn(),
    waiting: vi.fn(),
    began: vi.fn(() => texts.clear()),
    text: (path, text) => void texts.set(path, (texts.get(path) ?? "") + text),
  };
  return { ...followed, texts };
}

describe("the interviewer's work", () => {
  it("is followed from the queue to its result", async () => {
    const told = follower();
    const sent = network(
      stream([
        ["queued", OPENED],
        ["queued", { task: OPENED.task, place: 3, seconds: 12 }],
        ["started", { attempt: 1 }, 1],
        ["delta", { path: "/questions/0/text", text: "Why " }, 2],
        ["delta", { path: "/questions/0/text", text: "Redis?" }, 3],
        ["result", RESULT, 4],
        ["done", {}],
      ]),
    );
    expect(await perform(START, told, noTime())).toEqual(RESULT);
    expect(sent[0]?.headers.get("Accept-Language")).toBe("ko");
    expect(told.opened).toHaveBeenCalledExactlyOnceWith(OPENED);
    expect(told.waiting).toHaveBeenCalledExactlyOnceWith(3, 12);
    expect([...told.texts]).toEqual([["/questions/0/text", "Why Redis?"]]);
  });

  it("is taken up where its stream was cut, with the token that came with it", async () => {
    const told = follower();
    const sent = network(
      stream([["queued", OPENED], ["started", {}, 1], ["delta", { path: "/a", text: "one " }, 2]], { cut: true }),
      CUT,
      problem(503, "storage-busy"),
      stream([["queued", { interview: OPENED.interview, task: OPENED.task }], ["delta", { path: "/a", text: "two" }, 3]], { cut: true }),
      stream([["result", RESULT, 4], ["done", {}]]),
    );
    expect(await perform(START, told, noTime())).toEqual(RESULT);
    expect(sent.map((each) => `${each.method} ${each.path}`)).toEqual(["POST /api/interviews", ...Array(4).fill(`GET ${EVENTS}`)]);
    expect(sent.map((each) => each.headers.get("Last-Event-ID"))).toEqual([null, "2", "2", "2", "3"]);
    expect(sent.slice(1).every((each) => each.headers.get("Authorization") === "Bearer secret")).toBe(true);
    expect(told.texts.get("/a")).toBe("one two");
    expect(told.opened).toHaveBeenCalledOnce();
  });

  it("is sent again, with its key, where it was cut before it was accepted", async () => {
    const sent = network(stream([], { cut: true }), stream([["queued", OPENED], ["result", RESULT, 1]]));
    expect(await perform(START, follower(), noTime())).toEqual(RESULT);
    expect(sent.map((each) => [each.method, each.headers.get("Idempotency-Key")])).toEqual(Array(2).fill(["POST", START.request?.key]));
  });

  it("voids what was told of an attempt before", async () => {
    const told = follower();
    network(
      stream([
        ["queued", OPENED],
        ["started", {}, 1],
        ["delta", { path: "/a", text: "wrong" }, 2],
        ["error", { code: "model-unavailable", retryable: true }, 3],
        ["started", {}, 4],
        ["delta", { path: "/b", text: "void" }, 5],
        ["delta", { path: "", text: "" }, 6],
        ["delta", { path: "/c", text: "right" }, 7],
        ["result", RESULT, 8],
      ]),
    );
    expect(await perform(START, told, noTime())).toEqual(RESULT);
    expect([...told.texts]).toEqual([["/c", "right"]]);
  });

  it("fails with what the interviewer says, and can be come back to", async () => {
    const error = { code: "model-quota", values: { retry_after: 30 }, retryable: true };
    network(stream([["queued", OPENED], ["error", error, 1], ["done", {}]]));
    const failure = await perform(START, follower(), noTime()).catch((each: unknown) => each);
    expect(failure).toBeInstanceOf(WorkFailed);
    expect(failure).toMatchObject({ ...error, opened: OPENED });
    const sent = network(stream([["result", RESULT, 2]]));
    expect(await perform({ opened: OPENED, token: "secret", language: "en" }, follower(), noTime())).toEqual(RESULT);
    expect(sent[0]).toMatchObject({ method: "GET", path: EVENTS });
  });

  it("is given up where streams end without a word, again and again", async () => {
    network(stream([["queued", OPENED]]), ...Array.from({ length: 6 }, () => new Response("<p>", { headers: { "Content-Type": "text/html" } })));
    await expect(perform(START, follower(), noTime())).rejects.toBeInstanceOf(Unreachable);
  });
});

describe("a result in the making", () => {
  it("is put together from texts by their places", () => {
    const texts = new Map([
      ["/summary", "short"],
      ["/feedback/criteria/1/comment", "good"],
      ["/feedback/strengths/0", "first"],
    ]);
    const made = { summary: "short", feedback: { criteria: [undefined, { comment: "good" }], strengths: ["first"] } };
    expect(partial(texts)).toEqual(made);
  });
});
