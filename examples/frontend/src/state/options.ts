/** What can be chosen, as the service has it, in the page's language. */

import { useEffect, useState } from "react";
import type { Language, Options } from "../api/documents";
import * as service from "../api/service";
import * as keep from "./keep";
import { useStore } from "./store";

const known = new Map<Language, Options>();

export interface Loaded {
  options: Options | null;
  error: unknown;
  again: () => void;
}

export function useOptions(): Loaded {
  const language = useStore(keep.language);
  const [, redraw] = useState(0);
  const [error, setError] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let wanted = true;
    service.options(language).then(
      (found) => {
        known.set(language, found);
        if (wanted) {
          setError(null);
          redraw((number) => number + 1);
        }
      },
      (failure: unknown) => wanted && setError(failure),
    );
    return () => {
      wanted = false;
    };
  }, [language, attempt]);
  // In the other language rather than not at all, while they are asked for.
  const options = known.get(language) ?? known.values().next().value ?? null;
  return {
    options,
    error: options ? null : error,
    again: () => {
      setError(null);
      setAttempt((number) => number + 1);
    },
  };
}
