/** Recordings as WAV: what every interviewer that hears can read, and no browser records by itself. */

/** Samples a second: what speech recognition works with; more would only be sent for nothing. */
export const RATE = 16_000;

const HEADER = 44;
const BYTES = 2;

/** How many seconds of speech fit into so many bytes. */
export function secondsIn(bytes: number): number {
  return Math.max(0, Math.floor((bytes - HEADER) / (RATE * BYTES)));
}

/** One channel out of several. */
export function mono(channels: readonly Float32Array[]): Float32Array {
  const first = channels[0] ?? new Float32Array();
  if (channels.length < 2) return first;
  return first.map((_, index) => channels.reduce((sum, channel) => sum + (channel[index] ?? 0), 0) / channels.length);
}

/** A WAV file of 16-bit samples, of one channel. */
export function wav(samples: Float32Array, rate = RATE): ArrayBuffer {
  const size = samples.length * BYTES;
  const file = new DataView(new ArrayBuffer(HEADER + size));
  const text = (at: number, letters: string) => [...letters].forEach((each, index) => file.setUint8(at + index, each.charCodeAt(0)));
  text(0, "RIFF");
  file.setUint32(4, HEADER - 8 + size, true);
  text(8, "WAVEfmt ");
  file.setUint32(16, 16, true); // bytes of this chunk
  file.setUint16(20, 1, true); // PCM
  file.setUint16(22, 1, true); // channels
  file.setUint32(24, rate, true);
  file.setUint32(28, rate * BYTES, true);
  file.setUint16(32, BYTES, true);
  file.setUint16(34, 8 * BYTES, true);
  text(36, "data");
  file.setUint32(40, size, true);
  samples.forEach((sample, index) => {
    const held = Math.max(-1, Math.min(1, sample || 0));
    file.setInt16(HEADER + index * BYTES, Math.round(held * (held < 0 ? 0x8000 : 0x7fff)), true);
  });
  return file.buffer as ArrayBuffer;
}
