/** What can be asked of the service, beside the interviewer's work. */

import type { Interview, Language, Options, Report, Summary, Version } from "./documents";
import { PATIENCE, type Patience, type Request, send } from "./requests";

let patience: Patience = PATIENCE;

/** Be told of requests that fail, and of the one that succeeds at last. */
export function watch(told: (ok: boolean) => void): void {
  patience = { ...PATIENCE, told };
}

/** The patience of all requests. */
export const asUsual = (): Patience => patience;

async function json<T>(request: Request, language: Language): Promise<T> {
  const response = await send({ ...request, headers: { "Accept-Language": language } }, patience);
  return (await response.json()) as T;
}

export const options = (language: Language) => json<Options>({ path: `/options?language=${language}` }, language);

export const version = (language: Language) => json<Version>({ path: "/version" }, language);

export const interview = (id: string, token: string, language: Language) =>
  json<Interview>({ path: `/interviews/${id}`, token }, language);

/** All interviews of the person who holds the token. */
export const listed = async (token: string, language: Language) =>
  (await json<{ interviews: Summary[] }>({ path: "/interviews", token }, language)).interviews;

export const report = (id: string, token: string, language: Language) =>
  json<Report>({ path: `/interviews/${id}/report`, token }, language);

/** Why a task failed. @throws Problem that is why. */
export const task = (id: string, task: string, token: string, language: Language) =>
  json<unknown>({ path: `/interviews/${id}/tasks/${task}`, token }, language);

/** The report as a page that stands alone. */
export async function page(id: string, token: string): Promise<Blob> {
  const response = await send({ path: `/interviews/${id}/report`, token, headers: { Accept: "text/html" } }, patience);
  return response.blob();
}

/** Delete an interview, and all that belongs to it. */
export async function remove(id: string, token: string, language: Language): Promise<void> {
  await send({ method: "DELETE", path: `/interviews/${id}`, token, headers: { "Accept-Language": language } }, patience);
}

/** Delete all interviews of the person who holds the token. */
export async function removeAll(token: string, language: Language): Promise<void> {
  await send({ method: "DELETE", path: "/interviews", token, headers: { "Accept-Language": language } }, patience);
}
