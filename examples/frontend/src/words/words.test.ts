import { describe, expect, it } from "vitest";
import { en } from "./en";
import { ko } from "./ko";

/** What an entry looks like, apart from its language. */
function shape(value: unknown): unknown {
  if (typeof value === "function") return `(${value.length})`;
  if (Array.isArray(value)) return value.map(shape);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shape(each)]));
  return typeof value;
}

function* sentences(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (value && typeof value === "object") for (const each of Object.values(value)) yield* sentences(each);
}

describe("the words", () => {
  it("are the same entries in both languages", () => {
    expect(shape(ko)).toEqual(shape(en));
  });

  it("are none of the other language, and none is empty", () => {
    const names = new Set(["한국어", "English"]);
    for (const sentence of sentences(en)) if (!names.has(sentence)) expect(sentence).toMatch(/^[^가-힣]+$/);
    const english = [...sentences(ko)].filter((each) => !names.has(each) && !/[가-힣]/.test(each));
    expect(english).toEqual([]);
  });
});
