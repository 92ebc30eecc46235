import { useEffect, useState } from "react";
import type { Interview, Judgement, Report } from "../api/documents";
import * as service from "../api/service";
import { Judgements, Points, Score } from "../parts/Feedback";
import { Gone } from "../parts/Gone";
import { Icon } from "../parts/Icon";
import { Loading, Note, Trouble } from "../parts/Notice";
import { Progress } from "../parts/Progress";
import { judged, useInterview } from "../state/interview";
import * as keep from "../state/keep";
import { announce, toInterview, useTitle } from "../state/page";
import { goOn, preview, sumUp } from "../state/works";
import { useWords } from "../words";

type Shown = Partial<Omit<Report, "criteria">> & { criteria?: Partial<Judgement>[] };

export default function ReportView({ id }: { id: string }) {
  const say = useWords();
  const { kept, interview, error, again, work } = useInterview(id);
  const making = work("report");
  const report = useReport(id, kept?.token, interview);
  useTitle(`${say.report.title}: ${interview?.role ?? kept?.role ?? ""}`);

  if (!kept || interview === null) return <Gone id={id} />;
  if (!interview) return error ? <Trouble error={error} again={again} /> : <Loading />;
  const retry = () => {
    if (making?.opened) void goOn(kept, { id: making.opened.task, kind: "report", subject: 0 });
    else void sumUp(kept, judged(interview));
  };
  const writing = making !== undefined && making.state !== "failed";
  return (
    <article className="report" aria-busy={writing}>
      <p className="unprinted">
        <a className="back" href={toInterview(id)}>
          <Icon name="back" />
          {say.report.back}
        </a>
      </p>
      <h1 id="title" tabIndex={-1}>
        {say.report.title} <span lang={interview.language}>{interview.role}</span>
      </h1>
      {making?.state === "failed" && <Trouble error={making.error} again={making.retryable ? retry : undefined} />}
      {writing && (
        <>
          <Progress work={making} text={say.interview.summing} />
          <Body report={preview<Shown>(making)} interview={interview} />
        </>
      )}
      {!writing && report && <Whole kept={kept} interview={interview} report={report} />}
      {!making && !interview.report && (
        <section className="card">
          <h2>{say.report.none}</h2>
          <p>{say.report.noneHelp}</p>
          {judged(interview) > 0 && (
            <button type="button" className="primary" onClick={retry}>
              {say.interview.finish}
            </button>
          )}
        </section>
      )}
    </article>
  );
}

/** The report, again whenever the interview has another one. */
function useReport(id: string, token: string | undefined, interview: Interview | null | undefined): Report | null {
  const say = useWords().report;
  const [report, setReport] = useState<Report | null>(null);
  const made = interview?.report;
  useEffect(() => {
    if (!made || !token) return;
    let wanted = true;
    service.report(id, token, keep.language.get()).then(
      (found) => {
        if (!wanted) return;
        setReport(found);
        announce(say.ready);
      },
      // The interview has most of it; how many answers it is on, it has not.
      () => wanted && setReport({ ...made, interview: id, answers: 0 }),
    );
    return () => {
      wanted = false;
    };
  }, [id, token, made, say]);
  return report;
}

function Whole({ kept, interview, report }: { kept: keep.Kept; interview: Interview; report: Report }) {
  const say = useWords();
  const [error, setError] = useState<unknown>(null);
  const number = judged(interview);
  const save = async () => {
    setError(null);
    try {
      download(await service.page(kept.id, kept.token), `interview-${kept.id}.html`);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      {report.answers > 0 && report.answers < number && (
        <Note>
          <p>{say.report.more}</p>
          <button type="button" onClick={() => void sumUp(kept, number)}>
            {say.interview.finishAgain}
          </button>
        </Note>
      )}
      <Body report={report} interview={interview} />
      <section className="card">
        <h2>{say.report.answers}</h2>
        <ol className="answers">
          {interview.questions
            .filter((each) => each.answer?.feedback)
            .map((each) => (
              <li key={each.id}>
                <p>
                  <a href={toInterview(interview.id, each.id)} lang={interview.language}>
                    {each.text}
                  </a>
                </p>
                <ul className="scores">
                  {each.answer?.feedback?.criteria.map((judgement) => (
                    <li key={judgement.criterion}>
                      <span lang={interview.language}>{judgement.title}</span>
                      <Score score={judgement.score} />
                    </li>
                  ))}
                </ul>
              </li>
            ))}
        </ol>
      </section>
      {error !== null && <Trouble error={error} />}
      <div className="buttons unprinted">
        <button type="button" onClick={() => print()}>
          <Icon name="print" />
          {say.report.print}
        </button>
        <button type="button" onClick={() => void save()}>
          <Icon name="save" />
          {say.report.save}
        </button>
      </div>
    </>
  );
}

function Body({ report, interview }: { report: Shown; interview: Interview }) {
  const say = useWords().report;
  return (
    <>
      {(report.overall !== undefined || report.summary) && (
        <section className="card overall">
          {report.overall !== undefined && <Ring score={report.overall} />}
          <div>
            <p className="lead" lang={interview.language}>
              {report.summary}
            </p>
            {report.answers ? <p className="soft">{say.on(report.answers)}</p> : null}
          </div>
        </section>
      )}
      {!!report.criteria?.length && (
        <section className="card">
          <h2>{say.criteria}</h2>
          <div lang={interview.language}>
            <Judgements given={report.criteria} />
          </div>
        </section>
      )}
      <div className="pair" lang={interview.language}>
        <Points title={say.strengths} lines={report.strengths} kind="good" />
        <Points title={say.advice} lines={report.advice} kind="better" />
      </div>
    </>
  );
}

const AROUND = 2 * Math.PI * 42;

function Ring({ score }: { score: number }) {
  const say = useWords().report;
  return (
    <svg className="ring" viewBox="0 0 100 100" role="img" aria-label={say.overall(score)}>
      <circle cx="50" cy="50" r="42" />
      <circle className="part" cx="50" cy="50" r="42" strokeDasharray={`${(AROUND * score) / 100} ${AROUND}`} transform="rotate(-90 50 50)" />
      <text x="50" y="50" dy="0.35em" textAnchor="middle">
        {score}
      </text>
    </svg>
  );
}

/** The page needs the token, which has no place in an address: it is fetched, and handed over as a file. */
function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
