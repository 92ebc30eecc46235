import type { ReactNode } from "react";
import { Icon } from "./Icon";

export interface FieldProps {
  id: string;
  label: string;
  help?: string | undefined;
  wrong?: string | undefined;
  language?: string | undefined;
  children: (described: { "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

/** A control with its label, its help, and what is wrong with it. */
export function Field({ id, label, help, wrong, children }: FieldProps) {
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(described(id, help, wrong))}
      {help && (
        <p className="help" id={`${id}-help`}>
          {help}
        </p>
      )}
      <Wrong id={id} text={wrong} />
    </div>
  );
}

/** Attributes that tie a control to its help and its error. */
export function described(id: string, help?: string, wrong?: string): { "aria-describedby"?: string; "aria-invalid"?: true } {
  const ids = [help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(" ");
  return { ...(ids && { "aria-describedby": ids }), ...(wrong && { "aria-invalid": true as const }) };
}

export function Wrong({ id, text }: { id: string; text: string | undefined }) {
  return text ? (
    <p className="mistake" id={`${id}-wrong`}>
      <Icon name="warn" />
      {text}
    </p>
  ) : null;
}

/** One of a few, all in sight. */
export function Segments<T extends string>(props: {
  name: string;
  label: string;
  value: T;
  choices: readonly (readonly [T, string])[];
  change: (value: T) => void;
}) {
  return (
    <fieldset className="field">
      <legend>{props.label}</legend>
      <div className="segments">
        {props.choices.map(([value, label]) => (
          <label key={value}>
            <input
              type="radio"
              name={props.name}
              value={value}
              checked={value === props.value}
              onChange={() => props.change(value)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** Views of the same thing beside each other: arrow keys go from one to the next, as screen readers expect it. */
export function Tabs<T extends string>(props: {
  id: string;
  label: string;
  value: T;
  choices: readonly (readonly [T, ReactNode])[];
  change: (value: T) => void;
}) {
  const { id, value, choices } = props;
  const move = (key: string) => {
    const now = choices.findIndex(([each]) => each === value);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const next = step && choices[(now + step + choices.length) % choices.length];
    if (!next) return;
    props.change(next[0]);
    document.getElementById(`${id}-${next[0]}-tab`)?.focus();
  };
  return (
    <div className="tabs" role="tablist" aria-label={props.label}>
      {choices.map(([each, label]) => (
        <button
          key={each}
          type="button"
          role="tab"
          id={`${id}-${each}-tab`}
          aria-selected={each === value}
          aria-controls={`${id}-panel`}
          tabIndex={each === value ? 0 : -1}
          onClick={() => props.change(each)}
          onKeyDown={(event) => move(event.key)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
