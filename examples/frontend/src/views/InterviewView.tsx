import { useEffect, useRef, useState } from "react";
import type { Interview, Plan, Question } from "../api/documents";
import { Confirm } from "../parts/Confirm";
import { Points } from "../parts/Feedback";
import { Gone } from "../parts/Gone";
import { Icon } from "../parts/Icon";
import { Loading, Note, Trouble } from "../parts/Notice";
import { Progress } from "../parts/Progress";
import { judged, mean, type Thread, threads, useInterview } from "../state/interview";
import type { Kept } from "../state/keep";
import { announce, focusOn, go, TO_LIST, toInterview, toReport, useTitle } from "../state/page";
import { goOn, preview, remove, sumUp, type Work } from "../state/works";
import { useWords } from "../words";
import { Turn } from "./Turn";

export function InterviewView({ id, chosen }: { id: string; chosen: number | null }) {
  const say = useWords();
  const { kept, interview, error, again, work } = useInterview(id);
  const asking = work("ask");
  useTitle(say.interview.title(interview?.role ?? kept?.role ?? ""));

  if (interview === null || !kept) return <Gone id={id} />;
  if (interview?.plan) return <Asking kept={kept} interview={interview} chosen={chosen} work={work} />;
  if (asking) return <Preparing kept={kept} work={asking} />;
  if (error) return <Trouble error={error} again={again} />;
  return <Loading />;
}

/** The questions, while they are written. */
function Preparing({ kept, work }: { kept: Kept; work: Work }) {
  const say = useWords();
  const { summary, questions = [] } = preview<{ summary: string; questions: { text?: string }[] }>(work);
  const failed = work.state === "failed";
  const again = () => work.opened && void goOn(kept, { id: work.opened.task, kind: "ask", subject: 0 });
  return (
    <section className="preparing">
      <h1 id="title" tabIndex={-1}>
        {failed ? say.interview.failed : say.interview.preparing}
      </h1>
      {failed ? (
        <>
          <Trouble error={work.error} again={work.retryable ? again : undefined} />
          <RemoveButton kept={kept} />
        </>
      ) : (
        <>
          <p className="soft">{say.interview.preparingHelp}</p>
          <Progress work={work} text={say.interview.writing} />
          <div className="card writing" aria-busy="true" lang={kept.language}>
            {summary && <p>{summary}</p>}
            <ol className="growing">
              {questions.map((each, index) => (
                <li key={index}>{each?.text}</li>
              ))}
            </ol>
            {!questions.length && <div className="skeleton" aria-hidden="true" />}
          </div>
        </>
      )}
    </section>
  );
}

interface AskingProps {
  kept: Kept;
  interview: Interview;
  chosen: number | null;
  work: (kind: Work["kind"], subject?: number) => Work | undefined;
}

function Asking({ kept, interview, chosen, work }: AskingProps) {
  const say = useWords();
  const all = threads(interview.questions);
  const open = all.findIndex((thread) => thread.some((each) => !each.answer?.feedback));
  const found = all.findIndex((thread) => thread.some((each) => each.id === chosen));
  // Without a choice it is the first that is not done: of when the view was opened, lest it jumps on with an answer.
  const [first] = useState(Math.max(0, open));
  const index = found >= 0 ? found : first;
  const thread = all[index];
  const next = all.find((each, at) => at !== index && each.some((question) => !question.answer));
  const answered = interview.questions.filter((each) => each.answer).length;
  const complete = thread?.every((each) => each.answer?.feedback) ?? false;
  useArrival(interview.questions.length);

  const before = useRef(index);
  useEffect(() => {
    if (before.current !== index) focusOn("question");
    before.current = index;
  }, [index]);

  return (
    <div className="interview">
      <header className="side">
        <h1 id="title" tabIndex={-1} lang={interview.language}>
          {interview.role}
        </h1>
        <p className="soft">
          {say.start.levels[interview.level]} · {say.languages[interview.language]}
        </p>
        <div className="progress">
          <progress max={interview.questions.length} value={answered} aria-label={say.interview.questions} />
          <span>{say.interview.progress(answered, interview.questions.length)}</span>
        </div>
        <nav aria-label={say.interview.questions}>
          <ol className="stepper">
            {all.map((each, at) => (
              <Step key={each[0].id} id={interview.id} thread={each} number={at + 1} current={at === index} work={work} />
            ))}
          </ol>
        </nav>
      </header>
      <section className="thread" aria-labelledby="question">
        {interview.interviewer.note && (
          <Note>
            <p lang={interview.language}>{interview.interviewer.note}</p>
          </Note>
        )}
        {thread?.map((question, at) => (
          <Turn
            key={question.id}
            kept={kept}
            interview={interview}
            question={question}
            title={at ? say.interview.followUp : say.interview.question(index + 1)}
            id={at ? `question-${question.id}` : "question"}
            work={work("assess", question.id)}
          />
        ))}
        {complete && (
          <p className="onward">
            {next ? (
              <a className="button primary" href={toInterview(interview.id, next[0].id)}>
                {say.interview.next}
                <Icon name="arrow" />
              </a>
            ) : (
              <span>{say.interview.all}</span>
            )}
          </p>
        )}
      </section>
      <div className="side rest">
        <Finish kept={kept} interview={interview} work={work("report")} />
        {interview.plan && <Profile plan={interview.plan} language={interview.language} />}
        <RemoveButton kept={kept} />
      </div>
    </div>
  );
}

/** Say that the questions are there, to those who waited for them. */
function useArrival(number: number): void {
  const say = useWords();
  const told = useRef(false);
  useEffect(() => {
    if (told.current) return;
    told.current = true;
    announce(say.interview.ready(number));
    // The heading that was waited at is gone.
    if (document.activeElement === document.body) focusOn("title");
  });
}

function Step(props: { id: string; thread: Thread; number: number; current: boolean; work: AskingProps["work"] }) {
  const say = useWords().interview;
  const { thread, number } = props;
  const [root] = thread;
  const score = mean(thread);
  const judging = thread.some((each: Question) => props.work("assess", each.id)?.state.match(/sending|waiting|running/));
  const done = thread.every((each) => each.answer?.feedback);
  const state = judging ? "judging" : done ? "done" : "open";
  return (
    <li>
      <a href={toInterview(props.id, root.id)} className={state} aria-current={props.current ? "step" : undefined}>
        <span className="number" aria-hidden="true">
          {done ? <Icon name="check" /> : number}
        </span>
        <span className="unseen">{say.question(number)}: </span>
        <span className="what">{root.text}</span>
        <span className="unseen">({say.state[state]})</span>
        {score !== null && (
          <span className="mean" role="img" aria-label={say.score(score.toFixed(1))}>
            {score.toFixed(1)}
          </span>
        )}
      </a>
    </li>
  );
}

/** The way to the report. */
function Finish({ kept, interview, work }: { kept: Kept; interview: Interview; work: Work | undefined }) {
  const say = useWords().interview;
  const number = judged(interview);
  const busy = work && work.state !== "failed";
  if (interview.report || busy)
    return (
      <a className="button primary wide" href={toReport(interview.id)}>
        {busy ? say.summing : say.report}
      </a>
    );
  if (!number) return null;
  const open = interview.questions.some((each) => !each.answer);
  const finish = () => {
    void sumUp(kept, number);
    go(toReport(interview.id));
  };
  return (
    <div className="finish">
      <button type="button" className={open ? "wide" : "primary wide"} onClick={finish}>
        {say.finish}
      </button>
      <p className="help">{say.finishHelp}</p>
    </div>
  );
}

function Profile({ plan, language }: { plan: Plan; language: string }) {
  const say = useWords().interview;
  return (
    <details className="profile">
      <summary>{say.profile}</summary>
      <div lang={language}>
        <p>{plan.summary}</p>
        <Points title={say.strengths} lines={plan.strengths} kind="good" />
        <Points title={say.gaps} lines={plan.gaps} kind="better" />
      </div>
    </details>
  );
}

function RemoveButton({ kept }: { kept: Kept }) {
  const say = useWords();
  const [asked, setAsked] = useState(false);
  const act = async () => {
    await remove(kept);
    announce(say.list.removed);
    go(TO_LIST, { replace: true });
  };
  return (
    <>
      <button type="button" className="quiet delete" onClick={() => setAsked(true)}>
        <Icon name="bin" />
        {say.interview.remove}
      </button>
      {asked && <Confirm text={say.confirm.one} act={act} close={() => setAsked(false)} />}
    </>
  );
}
