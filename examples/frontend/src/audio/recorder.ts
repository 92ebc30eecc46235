/** The microphone: records with the browser's own recorder, gives a WAV of 16 kHz. */

import { mono, RATE, wav } from "./wav";

/** Why there is no recording. */
export type NoMicrophone = "insecure" | "denied" | "missing" | "busy" | "failed";

export class RecordingError extends Error {
  constructor(
    readonly reason: NoMicrophone,
    options?: ErrorOptions,
  ) {
    super(reason, options);
    this.name = "RecordingError";
  }
}

const REASONS: Record<string, NoMicrophone> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

export interface Recording {
  /** How loud it is just now, 0 to 1. */
  level(): number;
  /** End it and give what was recorded. @throws RecordingError nothing can be made of it. */
  stop(): Promise<Blob>;
  /** End it and keep nothing. */
  discard(): void;
}

/**
 * Begin to record.
 *
 * @throws RecordingError there is no microphone that we may use.
 */
export async function record(): Promise<Recording> {
  // Browsers hand the microphone to pages on HTTPS (or the machine's own) alone.
  if (!navigator.mediaDevices?.getUserMedia) throw new RecordingError("insecure");
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (error) {
    throw new RecordingError(REASONS[(error as DOMException).name] ?? "failed", { cause: error });
  }
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const window = new Float32Array(analyser.fftSize);
  const recorder = new MediaRecorder(stream);
  const pieces: Blob[] = [];
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.start();
  const release = () => {
    for (const track of stream.getTracks()) track.stop();
    void context.close();
  };
  return {
    level() {
      analyser.getFloatTimeDomainData(window);
      return Math.min(1, Math.sqrt(window.reduce((sum, each) => sum + each * each, 0) / window.length) * 4);
    },
    async stop() {
      const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
      if (recorder.state !== "inactive") {
        recorder.stop();
        await stopped;
      }
      release();
      return asWav(new Blob(pieces, { type: recorder.mimeType }));
    },
    discard() {
      if (recorder.state !== "inactive") recorder.stop();
      release();
    },
  };
}

/** What the browser recorded (WebM, Ogg or MP4), decoded and resampled by the browser. */
async function asWav(recorded: Blob): Promise<Blob> {
  try {
    const decoder = new OfflineAudioContext(1, 1, RATE);
    const buffer = await decoder.decodeAudioData(await recorded.arrayBuffer());
    const channels = Array.from({ length: buffer.numberOfChannels }, (_, index) => buffer.getChannelData(index));
    return new Blob([wav(mono(channels), buffer.sampleRate)], { type: "audio/wav" });
  } catch (error) {
    throw new RecordingError("failed", { cause: error });
  }
}
