import type { Feedback, Judgement } from "../api/documents";
import { useWords } from "../words";

/** Feedback as far as it has come. */
export type Growing = Partial<Omit<Feedback, "criteria">> & { criteria?: Partial<Judgement>[] };

export function FeedbackText({ given, writing = false }: { given: Growing; writing?: boolean }) {
  const say = useWords().feedback;
  return (
    <div className={writing ? "feedback writing" : "feedback"} aria-busy={writing}>
      <Judgements given={given.criteria ?? []} />
      <div className="pair">
        <Points title={say.strengths} lines={given.strengths} kind="good" />
        <Points title={say.improvements} lines={given.improvements} kind="better" />
      </div>
      {given.model_answer && (
        <details>
          <summary>{say.model}</summary>
          <p className="lines">{given.model_answer}</p>
        </details>
      )}
    </div>
  );
}

export function Judgements({ given }: { given: readonly (Partial<Judgement> | undefined)[] }) {
  const say = useWords().feedback;
  const known = given.filter((each) => each?.comment || each?.title);
  if (!known.length) return null;
  return (
    <ul className="judgements">
      {known.map((each, index) => (
        <li key={each?.criterion ?? index}>
          {each?.title && (
            <div className="judged">
              <strong>{each.title}</strong>
              {each.score !== undefined && <Score score={each.score} />}
            </div>
          )}
          <p>{each?.comment}</p>
          {each?.evidence && (
            <blockquote>
              <span className="unseen">{say.evidence}: </span>
              {each.evidence}
            </blockquote>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A score of 1 to 5, to be seen and to be heard. */
export function Score({ score }: { score: number }) {
  const say = useWords().feedback;
  return (
    <span className={`score of-${score}`} role="img" aria-label={say.score(score)}>
      {[1, 2, 3, 4, 5].map((each) => (
        <span key={each} className={each <= score ? "on" : ""} />
      ))}
      <b>{score}</b>
    </span>
  );
}

export function Points({ title, lines, kind }: { title: string; lines: readonly string[] | undefined; kind: "good" | "better" | "plain" }) {
  if (!lines?.length) return null;
  return (
    <div className={`points ${kind}`}>
      <h4>{title}</h4>
      <ul>
        {lines.map((line, index) => (
          <li key={index}>{line}</li>
        ))}
      </ul>
    </div>
  );
}
