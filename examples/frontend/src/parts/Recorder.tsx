import { useEffect, useRef, useState } from "react";
import { record, type Recording, RecordingError } from "../audio/recorder";
import { secondsIn } from "../audio/wav";
import { announce } from "../state/page";
import { minutes, useWords } from "../words";
import { Icon } from "./Icon";
import { Note } from "./Notice";

type Stage = { name: "idle" } | { name: "running" | "preparing" } | { name: "ready"; blob: Blob; url: string; seconds: number };

/** Seconds left for the end of a sentence before the service's limit on a recording. */
const MARGIN = 2;

/** An answer by voice: recorded, listened to, sent. */
export function Recorder(props: { limit: number; busy: boolean; send: (recording: Blob) => void }) {
  const say = useWords().recording;
  const longest = Math.max(1, secondsIn(props.limit) - MARGIN);
  const [stage, setStage] = useState<Stage>({ name: "idle" });
  const [seconds, setSeconds] = useState(0);
  const [error, setError] = useState<RecordingError | null>(null);
  const recording = useRef<Recording | null>(null);
  const alive = useRef(true);

  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
      recording.current?.discard();
    };
  }, []);
  const url = stage.name === "ready" ? stage.url : null;
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);

  const start = async () => {
    setError(null);
    setSeconds(0);
    try {
      const begun = await record();
      if (!alive.current) return begun.discard();
      recording.current = begun;
      setStage({ name: "running" });
      announce(say.running);
    } catch (failure) {
      setStage({ name: "idle" });
      setError(failure as RecordingError);
    }
  };
  const stop = async () => {
    const ended = recording.current;
    if (!ended) return;
    recording.current = null;
    setStage({ name: "preparing" });
    try {
      const blob = await ended.stop();
      if (!alive.current) return;
      const length = secondsIn(blob.size);
      setStage({ name: "ready", blob, url: URL.createObjectURL(blob), seconds: length });
      announce(say.ready(minutes(length)));
    } catch (failure) {
      setStage({ name: "idle" });
      setError(failure as RecordingError);
    }
  };

  const running = stage.name === "running";
  const ended = running && seconds >= longest;
  useEffect(() => {
    if (!running) return;
    const began = performance.now();
    const timer = setInterval(() => setSeconds((performance.now() - began) / 1000), 250);
    return () => clearInterval(timer);
  }, [running]);
  useEffect(() => {
    if (ended) void stop();
  });

  return (
    <div className="recorder">
      {error && (
        <div role="alert">
          <Note icon="mic">
            <p>{say.errors[error.reason]}</p>
          </Note>
        </div>
      )}
      {stage.name === "idle" && <p className="help">{say.idle(minutes(longest))}</p>}
      {running && (
        <p className="clock">
          <Level recording={recording.current} />
          <span>{minutes(seconds)}</span>
          <span className="soft">{say.left(minutes(longest - seconds))}</span>
        </p>
      )}
      {stage.name === "preparing" && <p className="help">{say.preparing}</p>}
      {stage.name === "ready" && (
        <>
          <p className="help">{say.ready(minutes(stage.seconds))}</p>
          <audio controls src={stage.url} aria-label={say.listen} />
        </>
      )}
      <div className="buttons">
        {running ? (
          <button type="button" className="record stop" onClick={() => void stop()}>
            <Icon name="stop" />
            {say.stop}
          </button>
        ) : (
          stage.name !== "preparing" && (
            <button type="button" className="record" disabled={props.busy} onClick={() => void start()}>
              <Icon name="mic" />
              {stage.name === "ready" ? say.again : say.start}
            </button>
          )
        )}
        {stage.name === "ready" && (
          <button type="button" className="primary" disabled={props.busy} onClick={() => props.send(stage.blob)}>
            {say.send}
          </button>
        )}
      </div>
    </div>
  );
}

/** Shows that the microphone hears something. */
function Level({ recording }: { recording: Recording | null }) {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!recording) return;
    let frame = 0;
    const draw = () => {
      bar.current?.style.setProperty("--level", String(recording.level()));
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [recording]);
  return <span className="level" ref={bar} aria-hidden="true" />;
}
