import { describe, expect, it, vi } from "vitest";
import { CUT, network, noTime, problem } from "./fetches";
import { Problem, Unreachable } from "./problem";
import { randomKey, type Request, send, sleep } from "./requests";

const POST: Request = { method: "POST", path: "/interviews", body: "{}", key: "a-key-of-sixteen" };
const ok = () => new Response("{}");

describe("a request", () => {
  it("is sent again with the same key while a release changes, and nobody hears of it but who watches", async () => {
    const patience = noTime(4);
    const sent = network(CUT, new Response("<h1>Bad gateway</h1>", { status: 502 }), problem(503, "storage-busy"), ok());
    await send(POST, patience);
    expect(sent.map((each) => each.headers.get("Idempotency-Key"))).toEqual(Array(4).fill(POST.key));
    expect(new Set(sent.map((each) => each.body))).toEqual(new Set(["{}"]));
    expect(patience.waited).toEqual([100, 200, 300]);
    expect(patience.heard).toEqual([false, false, false, true]);
  });

  it("waits as long as it is told to, where that is short", async () => {
    const patience = noTime();
    network(problem(503, "too-many-waiting", { "Retry-After": "5" }), problem(429, "too-many-requests", { "Retry-After": "2" }), ok());
    await send(POST, patience);
    expect(patience.waited).toEqual([5000, 2000]);
  });

  it.each([
    [422, "invalid-request", {}],
    [404, "interview-not-found", {}],
    [429, "model-quota", { "Retry-After": "3" }],
    [429, "too-many-requests", { "Retry-After": "60" }],
    [503, "model-forbidden", {}],
  ])("is not sent again after %i %s", async (status, code, headers) => {
    const sent = network(problem(status, code, headers));
    const failure = await send(POST, noTime()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Problem);
    expect(failure).toMatchObject({ status, code, title: "Title", detail: "Detail" });
    expect(sent).toHaveLength(1);
  });

  it("gives up at last, with what it knows", async () => {
    network(CUT, CUT, CUT);
    await expect(send(POST, noTime(2))).rejects.toBeInstanceOf(Unreachable);
    network(problem(503, "storage-busy"), problem(503, "storage-busy"));
    await expect(send(POST, noTime(1))).rejects.toMatchObject({ code: "storage-busy" });
  });

  it("is given up where its answer does not begin in time", async () => {
    const aborted = vi.fn();
    vi.stubGlobal("fetch", (_: string, { signal }: RequestInit) => {
      return new Promise((_resolve, reject) => signal?.addEventListener("abort", () => (aborted(), reject(signal.reason as Error))));
    });
    await expect(send(POST, { ...noTime(0), timeout: 5 })).rejects.toBeInstanceOf(Unreachable);
    expect(aborted).toHaveBeenCalledOnce();
  });

  it("ends with its signal", async () => {
    const control = new AbortController();
    network(CUT);
    const patience = { ...noTime(), sleep: (milliseconds: number, signal?: AbortSignal) => (control.abort(), sleep(milliseconds, signal)) };
    await expect(send({ ...POST, signal: control.signal }, patience)).rejects.toMatchObject({ name: "AbortError" });
  });

  it("has a key that nobody else has", () => {
    const keys = new Set(Array.from({ length: 100 }, randomKey));
    expect(keys.size).toBe(100);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
  });
});
