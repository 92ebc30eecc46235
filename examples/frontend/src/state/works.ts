/** The interviewer's work that this page follows, whichever view is shown meanwhile. */

import type { Interview, Kind, Language, Level, Report, Task } from "../api/documents";
import { Problem } from "../api/problem";
import { randomKey } from "../api/requests";
import * as service from "../api/service";
import { type Opened, partial, perform, type Start, WorkFailed } from "../api/work";
import * as keep from "./keep";
import { store } from "./store";

export interface Work {
  interview: string;
  kind: Task["kind"];
  /** The question that an answer is on. */
  subject: number;
  state: "sending" | "waiting" | "running" | "failed";
  place: number;
  seconds: number;
  /** What has been told of the result so far. */
  texts: ReadonlyMap<string, string>;
  opened: Opened | null;
  /** Why it failed. */
  error: unknown;
  /** Whether it can be tried again. */
  retryable: boolean;
}

type Works = Readonly<Record<string, Work>>;

export const works = store<Works>({});

/** Interviews as the service last told of them; null: it knows none of that id and token. */
export const documents = store<Readonly<Record<string, Interview | null>>>({});

export const nameOf = (interview: string, kind: Task["kind"], subject: number) =>
  kind === "assess" ? `${interview}/assess/${subject}` : `${interview}/${kind}`;

const controls = new Map<string, AbortController>();

/** Where a work is kept: a new interview's gets its name while it is followed. */
interface Slot {
  name: string;
}

function change(name: string, changes: Partial<Work> | null): void {
  works.set((all) => {
    const { [name]: work, ...others } = all;
    if (changes === null) return others;
    return work ? { ...others, [name]: { ...work, ...changes } } : all;
  });
}

const FRAME = 50; // milliseconds: a page that is drawn for every piece of text does nothing else

/** Follow work from its beginning, or from where it is; resolves once it is done. */
async function follow<T>(
  slot: Slot,
  work: Pick<Work, "interview" | "kind" | "subject"> & { opened?: Opened },
  start: Omit<Start, "language" | "signal">,
  opened?: (opened: Opened) => void,
): Promise<T> {
  controls.get(slot.name)?.abort();
  const control = new AbortController();
  controls.set(slot.name, control);
  const first: Work = { opened: null, ...work, state: "sending", place: 0, seconds: 0, texts: new Map(), error: null, retryable: true };
  works.set((all) => ({ ...all, [slot.name]: first }));
  let texts = new Map<string, string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = () => {
    timer = undefined;
    change(slot.name, { texts: new Map(texts) });
  };
  try {
    return await perform<T>(
      { ...start, language: keep.language.get(), signal: control.signal },
      {
        opened(found) {
          change(slot.name, { opened: found, interview: found.interview, state: "waiting" });
          opened?.(found);
        },
        waiting: (place, seconds) => change(slot.name, { state: "waiting", place, seconds }),
        began() {
          texts = new Map();
          change(slot.name, { state: "running", texts, error: null });
        },
        text(path, text) {
          texts.set(path, (texts.get(path) ?? "") + text);
          timer ??= setTimeout(show, FRAME);
        },
      },
      service.asUsual(),
    );
  } finally {
    clearTimeout(timer);
    if (controls.get(slot.name) === control) controls.delete(slot.name);
  }
}

/** What went wrong, in the service's words where it has some. */
async function reason(error: unknown, token: string): Promise<unknown> {
  if (!(error instanceof WorkFailed)) return error;
  const { interview, task } = error.opened;
  try {
    await service.task(interview, task, token, keep.language.get());
  } catch (problem) {
    if (problem instanceof Problem) return problem;
  }
  return error;
}

/** Wait until the work is done, or has failed, and show what came of it. @returns whether it is done. */
async function settle(slot: Slot, interview: string, token: string, work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    await refresh(interview, token);
    keys.delete(slot.name);
    change(slot.name, null);
    return true;
  } catch (error) {
    if ((error as Error).name === "AbortError") return false; // deleted, or followed anew
    const why = await reason(error, token);
    change(slot.name, { state: "failed", error: why, retryable: !(error instanceof WorkFailed) || error.retryable });
    // Answered in another window, or gone: then what is shown is not what is so.
    if (why instanceof Problem && [404, 409].includes(why.status)) await refresh(interview, token).catch(() => {});
    return false;
  }
}

// --- the same request again has the same key ------------------------------------------------------

const keys = new Map<string, { content: string; key: string }>();

/** The key for a request: the one that it had, where the very same was sent before and nothing is known of it. */
function keyFor(scope: string, content: string): string {
  const known = keys.get(scope);
  if (known?.content === content) return known.key;
  const key = randomKey();
  keys.set(scope, { content, key });
  return key;
}

// --- what a person does ---------------------------------------------------------------------------

export interface Beginning {
  resume: File | string;
  role: string;
  level: Level;
  language: Language;
  questions: number;
  kinds: Kind[];
  persona: string;
  follow_ups: number;
  consent: boolean;
}

/** Begin an interview. @returns its id, as soon as it is accepted; the questions come later. */
export function begin(given: Beginning): Promise<string> {
  const { resume, ...asked } = given;
  const name = "new";
  const about = resume instanceof File ? [resume.name, resume.size, resume.lastModified] : resume;
  const key = keyFor(name, JSON.stringify([asked, about]));
  let body: FormData | string;
  if (resume instanceof File) {
    body = new FormData();
    for (const [field, value] of Object.entries(asked)) body.set(field, Array.isArray(value) ? value.join(",") : String(value));
    body.set("resume", resume);
  } else body = JSON.stringify({ ...asked, resume });
  const request = { method: "POST" as const, path: "/interviews", body, key };
  return new Promise((resolve, reject) => {
    const attempt = () => {
      const holder = keep.interviews.get()[0]; // what is begun now is listed with it
      const slot = { name };
      const work = follow(slot, { interview: "", kind: "ask", subject: 0 }, { request, token: holder?.token }, (opened) => {
        const token = opened.token ?? "";
        const { role, level, language } = asked;
        keys.delete(name);
        keep.keep({ id: opened.interview, token, role, level, language, created: new Date().toISOString() });
        rename(slot, nameOf(opened.interview, "ask", 0));
        void settle(slot, opened.interview, token, work);
        resolve(opened.interview);
      });
      work.catch((error: unknown) => {
        if (slot.name !== name) return; // it was accepted
        change(name, null);
        if (holder && error instanceof Problem && error.code === "interview-not-found") {
          keep.forget(holder.id); // expired: the next one may hold it, or it stands for itself
          attempt();
        } else reject(error as Error);
      });
    };
    attempt();
  });
}

function rename(slot: Slot, to: string): void {
  const { name } = slot;
  slot.name = to;
  const control = controls.get(name);
  controls.delete(name);
  if (control) controls.set(to, control);
  works.set(({ [name]: work, ...others }) => (work ? { ...others, [to]: work } : others));
}

/** Answer a question. @returns whether there is feedback; the work says what went wrong. */
export function answer(kept: keep.Kept, question: number, given: string | Blob): Promise<boolean> {
  const name = nameOf(kept.id, "assess", question);
  const key = keyFor(name, typeof given === "string" ? given : `${given.size} ${blobNumber(given)}`);
  let body: FormData | string;
  if (typeof given === "string") body = JSON.stringify({ question, text: given });
  else {
    body = new FormData();
    body.set("question", String(question));
    body.set("audio", given, "answer.wav");
  }
  const request = { method: "POST" as const, path: `/interviews/${kept.id}/answers`, body, key };
  const slot = { name };
  const work = follow(slot, { interview: kept.id, kind: "assess", subject: question }, { request, token: kept.token });
  return settle(slot, kept.id, kept.token, work);
}

const blobs = new WeakMap<Blob, number>();
let lastBlob = 0;

function blobNumber(blob: Blob): number {
  const number = blobs.get(blob) ?? ++lastBlob;
  blobs.set(blob, number);
  return number;
}

/** Have the interview summed up. @returns whether there is a report. */
export function sumUp(kept: keep.Kept, answers: number): Promise<boolean> {
  const name = nameOf(kept.id, "report", 0);
  const request = { method: "POST" as const, path: `/interviews/${kept.id}/report`, key: keyFor(name, String(answers)) };
  const slot = { name };
  const work = follow<Report>(slot, { interview: kept.id, kind: "report", subject: 0 }, { request, token: kept.token });
  return settle(slot, kept.id, kept.token, work);
}

/** Try again what failed, or follow what this page does not follow yet. */
export function goOn(kept: keep.Kept, task: Pick<Task, "id" | "kind" | "subject">): Promise<boolean> {
  const slot = { name: nameOf(kept.id, task.kind, task.subject) };
  const opened = { interview: kept.id, task: task.id };
  const about = { interview: kept.id, kind: task.kind, subject: task.subject, opened };
  return settle(slot, kept.id, kept.token, follow(slot, about, { opened, token: kept.token }));
}

/** Look at an interview, and follow all that is being done for it. */
export async function refresh(id: string, token: string): Promise<void> {
  try {
    const found = await service.interview(id, token, keep.language.get());
    documents.set((all) => ({ ...all, [id]: found }));
  } catch (error) {
    if (error instanceof Problem && error.status === 404) documents.set((all) => ({ ...all, [id]: null }));
    else throw error;
  }
}

export async function open(kept: keep.Kept): Promise<void> {
  await refresh(kept.id, kept.token);
  for (const task of documents.get()[kept.id]?.tasks ?? []) {
    if (!works.get()[nameOf(kept.id, task.kind, task.subject)]) void goOn(kept, task);
  }
}

/** Delete an interview, here and on the server. */
export async function remove(kept: keep.Kept): Promise<void> {
  try {
    await service.remove(kept.id, kept.token, keep.language.get());
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
  leave(kept.id);
}

/** Delete all that this browser knows of, here and on the server. */
export async function removeAll(): Promise<void> {
  for (const kept of keep.interviews.get()) {
    try {
      await service.removeAll(kept.token, keep.language.get());
    } catch (error) {
      // Deleted together with one before it, or expired.
      if (!(error instanceof Problem && error.status === 404)) throw error;
    }
    leave(kept.id);
  }
}

function leave(id: string): void {
  for (const [name, work] of Object.entries(works.get())) {
    if (work.interview !== id) continue;
    controls.get(name)?.abort();
    controls.delete(name);
    change(name, null);
  }
  documents.set(({ [id]: _, ...others }) => others);
  keep.forget(id);
}

/** The part of a result that is known so far. */
export const preview = <T>(work: Work | undefined): Partial<T> => (work ? (partial(work.texts) as Partial<T>) : {});
