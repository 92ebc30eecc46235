import type { ReactNode } from "react";
import { explain, useWords } from "../words";
import { Icon } from "./Icon";

export function Loading() {
  return (
    <p className="loading">
      <span className="spinner" aria-hidden="true" />
      {useWords().loading}
    </p>
  );
}

/** Something to know. */
export function Note({ title, children, icon = "info" }: { title?: string; children: ReactNode; icon?: "info" | "mic" }) {
  return (
    <div className="note">
      <Icon name={icon} />
      <div>
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}

/** What went wrong, and what to do; said at once. */
export function Trouble({ error, again, id }: { error: unknown; again?: (() => void) | undefined; id?: string }) {
  const say = useWords();
  const { title, help, language } = explain(error, say);
  return (
    <div className="note wrong" role="alert" id={id} tabIndex={-1}>
      <Icon name="warn" />
      <div>
        <strong lang={language}>{title}</strong>
        <p className="lines" lang={language}>
          {help}
        </p>
        {again && (
          <button type="button" onClick={again}>
            {say.tryAgain}
          </button>
        )}
      </div>
    </div>
  );
}
