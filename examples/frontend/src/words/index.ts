/** The words of the language that the person chose. */

import { Problem, Unreachable } from "../api/problem";
import { WorkFailed } from "../api/work";
import * as keep from "../state/keep";
import { useStore } from "../state/store";
import { en, type Words } from "./en";
import { ko } from "./ko";

export type { Words };

const WORDS = { en, ko };

export const words = (): Words => WORDS[keep.language.get()];
export const useWords = (): Words => WORDS[useStore(keep.language)];

export interface Explanation {
  title: string;
  /** What to do. */
  help: string;
  /** Of texts that are the service's own. */
  language: string | undefined;
}

/** An error in the person's language; in the service's words where we have none. */
export function explain(error: unknown, say: Words): Explanation {
  const code = error instanceof Problem || error instanceof WorkFailed ? error.code : error instanceof Unreachable ? "unreachable" : "";
  const known = say.problems[code];
  const wait = error instanceof Problem ? error.retryAfter : error instanceof WorkFailed ? Number(error.values.retry_after ?? 0) : null;
  if (known) {
    const help = wait && wait > 10 ? `${known[1]} ${say.retryAfter(Math.round(wait))}` : known[1];
    return { title: known[0], help, language: undefined };
  }
  if (error instanceof Problem && error.title) {
    const errors = error.errors.map((each) => `${say.fields[each.field] ?? each.field}: ${each.problem}. ${each.remedy}`);
    return { title: error.title, help: errors.join("\n") || error.detail, language: error.language || undefined };
  }
  return { title: say.unknown, help: say.problems["internal-error"]?.[1] ?? "", language: undefined };
}

/** Bytes as people read them. */
export function size(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(bytes % 1_000_000 < 50_000 ? 0 : 1)} MB`;
}

/** Seconds as minutes and seconds. */
export const minutes = (seconds: number) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
