/** An interview as the views need it: opened, followed, and put in order. */

import { useEffect, useState } from "react";
import type { Interview, Question } from "../api/documents";
import * as keep from "./keep";
import { useStore } from "./store";
import { documents, nameOf, open, type Work, works } from "./works";

export interface Opened {
  kept: keep.Kept | undefined;
  /** null: it is not there any more; undefined: not known yet. */
  interview: Interview | null | undefined;
  error: unknown;
  again: () => void;
  work: (kind: Work["kind"], subject?: number) => Work | undefined;
}

export function useInterview(id: string): Opened {
  const kept = useStore(keep.interviews).find((each) => each.id === id);
  const interview = useStore(documents)[id];
  const all = useStore(works);
  const [error, setError] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const token = kept?.token;
  useEffect(() => {
    const now = token && keep.find(id);
    if (!now) return;
    open(now).then(
      () => setError(null),
      (failure: unknown) => setError(failure),
    );
  }, [id, token, attempt]);
  return {
    kept,
    interview: kept ? interview : null,
    error,
    again: () => setAttempt((number) => number + 1),
    work: (kind, subject = 0) => all[nameOf(id, kind, subject)],
  };
}

/** A question with what was asked on its answer, and on that. */
export type Thread = readonly [Question, ...Question[]];

/** The questions in the order in which they are to be read. */
export function threads(questions: readonly Question[]): Thread[] {
  return questions
    .filter((each) => each.follows === null)
    .map((root) => {
      const thread: [Question, ...Question[]] = [root];
      // A question is asked after the one that it follows, so that one pass finds them all.
      for (const each of questions) if (thread.some((earlier) => earlier.id === each.follows)) thread.push(each);
      return thread;
    });
}

/** How many answers are judged: those a report can be made of. */
export const judged = (interview: Interview) => interview.questions.filter((each) => each.answer?.feedback).length;

/** The mean of all scores; null where there are none. */
export function mean(thread: readonly Question[]): number | null {
  const scores = thread.flatMap((each) => each.answer?.feedback?.criteria.map((judgement) => judgement.score) ?? []);
  return scores.length ? scores.reduce((sum, each) => sum + each, 0) / scores.length : null;
}
