import { type DragEvent, useRef, useState } from "react";
import { size, useWords } from "../words";
import { described, Wrong } from "./Field";
import { Icon } from "./Icon";

const TYPES = ".pdf,.docx,.hwpx,.txt,.md";

/** A file: dropped here, or picked. */
export function Drop(props: { id: string; file: File | null; most: number; wrong?: string | undefined; change: (file: File | null) => void }) {
  const say = useWords().start;
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const help = say.formats(size(props.most));

  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) props.change(file);
  };
  const hover = (event: DragEvent, now: boolean) => {
    event.preventDefault();
    setOver(now);
  };
  const remove = () => {
    if (input.current) input.current.value = "";
    props.change(null);
    input.current?.focus();
  };
  return (
    <div className="field">
      <div
        className={over ? "drop over" : "drop"}
        onDragEnter={(event) => hover(event, true)}
        onDragOver={(event) => hover(event, true)}
        onDragLeave={(event) => hover(event, false)}
        onDrop={drop}
      >
        <Icon name={props.file ? "file" : "upload"} />
        {props.file ? (
          <p className="chosen">{say.chosen(props.file.name, size(props.file.size))}</p>
        ) : (
          <p>{over ? say.dropNow : say.drop}</p>
        )}
        <div className="buttons">
          <label className="button pick">
            {say.pick}
            <input
              ref={input}
              id={props.id}
              type="file"
              accept={TYPES}
              onChange={(event) => props.change(event.target.files?.[0] ?? null)}
              {...described(props.id, help, props.wrong)}
            />
          </label>
          {props.file && (
            <button type="button" onClick={remove}>
              {say.removeFile}
            </button>
          )}
        </div>
        <p className="help" id={`${props.id}-help`}>
          {help}
        </p>
      </div>
      <Wrong id={props.id} text={props.wrong} />
    </div>
  );
}
