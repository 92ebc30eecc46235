import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Feedback, Interview, Question } from "../api/documents";
import { Problem } from "../api/problem";
import { FeedbackText, type Growing } from "../parts/Feedback";
import { Tabs, Wrong, described } from "../parts/Field";
import { Icon } from "../parts/Icon";
import { Note, Trouble } from "../parts/Notice";
import { Progress } from "../parts/Progress";
import { Recorder } from "../parts/Recorder";
import * as keep from "../state/keep";
import { useOptions } from "../state/options";
import { announce, focusOn } from "../state/page";
import { answer, goOn, preview, type Work } from "../state/works";
import { useWords } from "../words";

interface TurnProps {
  kept: keep.Kept;
  interview: Interview;
  question: Question;
  title: string;
  /** Of the heading. */
  id: string;
  work: Work | undefined;
}

/** A question, its answer, and what was made of it. */
export function Turn({ kept, interview, question, title, id, work }: TurnProps) {
  const say = useWords();
  const [given, setGiven] = useState<string | null>(null);
  const follows = question.follows !== null;
  const done = question.answer?.feedback ?? null;
  // An answer that the service has not taken is still the person's to change.
  const taken = question.answer !== null || (work !== undefined && (work.state !== "failed" || work.opened !== null));
  useAnnouncement(done, interview, question);

  const send = (what: string | Blob) => {
    setGiven(typeof what === "string" ? what : null);
    focusOn(`feedback-${question.id}`);
    void answer(kept, question.id, what).then((judged) => judged && keep.keepDraft(kept.id, question.id, ""));
  };
  return (
    <article className={follows ? "turn follows" : "turn"}>
      <header>
        <p className="kicker">
          {follows && <Icon name="reply" />}
          {title}
          {!follows && <span className="kind">{say.kinds[question.kind] ?? question.kind}</span>}
        </p>
        <h2 id={id} tabIndex={-1} lang={interview.language}>
          {question.text}
        </h2>
        {question.basis && (
          <p className="basis">
            <Icon name="quote" />
            <span>
              {say.interview.basis}: <q lang={interview.language}>{question.basis}</q>
            </span>
          </p>
        )}
      </header>
      {taken ? (
        <Judged kept={kept} interview={interview} question={question} given={given} work={work} />
      ) : (
        <Editor kept={kept} interview={interview} question={question} work={work} send={send} />
      )}
    </article>
  );
}

/** Say that the feedback is there, to those who waited for it. */
function useAnnouncement(done: Feedback | null, interview: Interview, question: Question): void {
  const say = useWords().feedback;
  const before = useRef(done !== null);
  useEffect(() => {
    if (done && !before.current) {
      const followed = interview.questions.some((each) => each.follows === question.id);
      announce(followed ? say.readyWithFollowUp : say.ready);
    }
    before.current = done !== null;
  });
}

function Judged(props: Omit<TurnProps, "title" | "id"> & { given: string | null }) {
  const say = useWords();
  const { kept, interview, question, work } = props;
  const done = question.answer?.feedback;
  const growing = preview<{ feedback: Growing; transcript: string }>(work);
  const text = question.answer?.text ?? growing.transcript ?? props.given;
  const task = work?.opened?.task ?? interview.tasks.find((each) => each.kind === "assess" && each.subject === question.id)?.id;
  const again = () => task && void goOn(kept, { id: task, kind: "assess", subject: question.id });
  return (
    <>
      <div className="said">
        <h3>
          {say.interview.answer}
          {question.answer?.spoken && (
            <span className="kind">
              <Icon name="mic" />
              {say.interview.spoken}
            </span>
          )}
        </h3>
        {text && (
          <p className="lines" lang={interview.language}>
            {text}
          </p>
        )}
      </div>
      <h3 id={`feedback-${question.id}`} tabIndex={-1}>
        {say.feedback.title}
      </h3>
      {work?.state === "failed" && !done ? (
        <Trouble error={work.error} again={work.retryable ? again : undefined} />
      ) : (
        <>
          {!done && <Progress work={work} text={say.interview.judging} />}
          <div lang={interview.language}>
            <FeedbackText given={done ?? growing.feedback ?? {}} writing={!done} />
          </div>
        </>
      )}
    </>
  );
}

type Way = "write" | "speak";

function Editor(props: { kept: keep.Kept; interview: Interview; question: Question; work: Work | undefined; send: (what: string | Blob) => void }) {
  const say = useWords();
  const { kept, question, interview, work, send } = props;
  const { options } = useOptions();
  const [way, setWay] = useState<Way>("write");
  const [text, setText] = useState(() => keep.draft(kept.id, question.id));
  const [empty, setEmpty] = useState(false);
  const most = options?.answer.high ?? 8000;
  const id = `answer-${question.id}`;
  const refusal = work?.state === "failed" ? work.error : null;
  const deaf = !interview.interviewer.hears || (refusal instanceof Problem && refusal.code === "cannot-hear");

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (text.trim()) return send(text.trim());
    setEmpty(true);
    document.getElementById(id)?.focus();
  };
  const type = (now: string) => {
    setText(now);
    setEmpty(false);
    keep.keepDraft(kept.id, question.id, now);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
  };
  const write = () => {
    setWay("write");
    focusOn(id);
  };
  const mistake = empty ? say.interview.empty : undefined;
  return (
    <form className="editor" noValidate onSubmit={submit}>
      <div className="with-tabs">
        <h3>{say.interview.answer}</h3>
        <Tabs
          id={`way-${question.id}`}
          label={say.interview.how}
          value={way}
          choices={[
            ["write", <><Icon name="pen" />{say.interview.write}</>],
            ["speak", <><Icon name="mic" />{say.interview.speak}</>],
          ]}
          change={setWay}
        />
      </div>
      {refusal !== null && !(way === "speak" && deaf) && <Trouble error={refusal} />}
      <div role="tabpanel" id={`way-${question.id}-panel`} aria-labelledby={`way-${question.id}-${way}-tab`}>
        {way === "write" ? (
          <div className="field">
            <label className="unseen" htmlFor={id}>
              {say.interview.answer}
            </label>
            <textarea
              id={id}
              rows={6}
              maxLength={most}
              lang={interview.language}
              placeholder={say.interview.placeholder}
              value={text}
              onChange={(event) => type(event.target.value)}
              onKeyDown={keys}
              {...described(id, say.interview.kept, mistake)}
            />
            <Wrong id={id} text={mistake} />
            <p className="help under" id={`${id}-help`}>
              <span>
                {say.interview.kept} {say.interview.sendKeys}
              </span>
              <span>{say.start.characters(text.length, most)}</span>
            </p>
            <div className="buttons">
              <button className="primary">{say.interview.send}</button>
            </div>
          </div>
        ) : deaf ? (
          <Note title={say.recording.cannotHear} icon="mic">
            <p>{say.recording.cannotHearHelp}</p>
            <button type="button" onClick={write}>
              {say.recording.writeInstead}
            </button>
          </Note>
        ) : (
          <Recorder limit={options?.limits.audio_bytes ?? 0} busy={options === null} send={send} />
        )}
      </div>
    </form>
  );
}
