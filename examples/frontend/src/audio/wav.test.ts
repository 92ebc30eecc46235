import { describe, expect, it } from "vitest";
import { mono, RATE, secondsIn, wav } from "./wav";

const ascii = (file: ArrayBuffer, at: number) => String.fromCharCode(...new Uint8Array(file, at, 4));

describe("a WAV file", () => {
  it("says what is in it", () => {
    const file = wav(new Float32Array(RATE));
    const view = new DataView(file);
    expect([0, 8, 12, 36].map((at) => ascii(file, at))).toEqual(["RIFF", "WAVE", "fmt ", "data"]);
    expect(view.getUint32(4, true)).toBe(file.byteLength - 8);
    expect([view.getUint16(20, true), view.getUint16(22, true), view.getUint16(34, true)]).toEqual([1, 1, 16]);
    expect([view.getUint32(24, true), view.getUint32(28, true)]).toEqual([16_000, 32_000]);
    expect(view.getUint32(40, true)).toBe(2 * RATE);
    expect(secondsIn(file.byteLength)).toBe(1);
  });

  it("holds the samples, and none that are out of range or no number", () => {
    const file = wav(new Float32Array([0, 1, -1, 0.5, 2, -2, Number.NaN]));
    expect([...new Int16Array(file, 44)]).toEqual([0, 32767, -32768, 16384, 32767, -32768, 0]);
  });

  it("may be empty", () => {
    expect(wav(new Float32Array()).byteLength).toBe(44);
    expect(secondsIn(10)).toBe(0);
  });
});

describe("one channel", () => {
  it("is the mean of several", () => {
    const stereo = [new Float32Array([1, 0, -1]), new Float32Array([0, 0.5, -1])];
    expect([...mono(stereo)]).toEqual([0.5, 0.25, -1]);
    expect(mono(stereo.slice(0, 1))).toBe(stereo[0]);
    expect(mono([])).toHaveLength(0);
  });
});
