/** What this browser keeps: the choice of language and colours, tokens of interviews, and drafts of answers. */

import type { Language, Level } from "../api/documents";
import { type Store, store } from "./store";

/** An interview that this browser can open. Whoever has the token can read and delete it. */
export interface Kept {
  id: string;
  token: string;
  role: string;
  level: Level;
  language: Language;
  created: string;
}

export type Theme = "auto" | "light" | "dark";

const PREFIX = "preview.";

/** Storage may be switched off, full, or hold what another release wrote: then we go without. */
export function load<T>(name: string, fallback: T, valid: (value: unknown) => boolean): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    const value: unknown = text === null ? null : JSON.parse(text);
    return valid(value) ? (value as T) : fallback;
  } catch {
    return fallback;
  }
}

export function save(name: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // as above
  }
}

function keptStore<T>(name: string, fallback: T, valid: (value: unknown) => boolean): Store<T> {
  const made = store(load(name, fallback, valid));
  made.subscribe(() => save(name, made.get()));
  // Another tab may have begun or deleted an interview.
  globalThis.addEventListener?.("storage", (event) => {
    if (event.key === PREFIX + name) made.set(load(name, fallback, valid));
  });
  return made;
}

const among =
  (...choices: string[]) =>
  (value: unknown) =>
    choices.includes(value as string);

export const language = keptStore<Language>(
  "language",
  navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en",
  among("ko", "en"),
);

export const theme = keptStore<Theme>("theme", "auto", among("auto", "light", "dark"));

export const interviews = keptStore<readonly Kept[]>(
  "interviews",
  [],
  (value) => Array.isArray(value) && value.every((each) => each && typeof each.id === "string" && typeof each.token === "string"),
);

export const find = (id: string): Kept | undefined => interviews.get().find((each) => each.id === id);

/** Keep an interview, the newest first. */
export function keep(kept: Kept): void {
  interviews.set((all) => [kept, ...all.filter((each) => each.id !== kept.id)]);
}

/** Keep nothing of an interview any more. */
export function forget(id: string): void {
  interviews.set((all) => all.filter((each) => each.id !== id));
  save(`drafts.${id}`, null);
}

const texts = (value: unknown) => typeof value === "object" && value !== null;

/** What somebody has begun to answer, so that a reload does not cost it. */
export function draft(id: string, question: number): string {
  return load<Record<string, string>>(`drafts.${id}`, {}, texts)[question] ?? "";
}

export function keepDraft(id: string, question: number, text: string): void {
  const { [question]: _, ...others } = load<Record<string, string>>(`drafts.${id}`, {}, texts);
  const drafts: Record<string, string> = text ? { ...others, [question]: text } : others;
  save(`drafts.${id}`, Object.keys(drafts).length ? drafts : null);
}
