import { type FormEvent, useId, useState } from "react";
import type { Kind, Language, Level, Options } from "../api/documents";
import { Problem } from "../api/problem";
import { Drop } from "../parts/Drop";
import { described, Field, Segments, Tabs, Wrong } from "../parts/Field";
import { Icon } from "../parts/Icon";
import { Loading, Note, Trouble } from "../parts/Notice";
import * as keep from "../state/keep";
import { useOptions } from "../state/options";
import { announce, go, toInterview, useTitle } from "../state/page";
import { useStore } from "../state/store";
import { begin } from "../state/works";
import { size, useWords } from "../words";

export function StartView() {
  const say = useWords();
  const { options, error, again } = useOptions();
  useTitle("");
  return (
    <div className="start">
      <section className="hero">
        <h1 id="title" tabIndex={-1}>
          {say.start.title}
        </h1>
        <p className="lead">{say.start.lead}</p>
        <ol className="steps">
          {say.start.steps.map(([title, text]) => (
            <li key={title}>
              <strong>{title}</strong>
              <span>{text}</span>
            </li>
          ))}
        </ol>
        {options && (
          <Note title={say.start.who}>
            <p>{options.interviewer.note}</p>
          </Note>
        )}
      </section>
      {options ? <Form options={options} /> : error ? <Trouble error={error} again={again} /> : <Loading />}
    </div>
  );
}

type Name = "resume" | "role" | "kinds" | "consent" | (string & {});
type Mistakes = Partial<Record<Name, string>>;

function Form({ options }: { options: Options }) {
  const say = useWords();
  const page = useStore(keep.language);
  const id = useId();
  const [by, setBy] = useState<"file" | "text">("file");
  const [file, setFile] = useState<File | null>(null);
  const [text, setText] = useState("");
  const [role, setRole] = useState("");
  const [level, setLevel] = useState<Level>("junior");
  const [chosen, setLanguage] = useState<Language | null>(null);
  const [questions, setQuestions] = useState(5);
  const [followUps, setFollowUps] = useState(1);
  const [kinds, setKinds] = useState<readonly Kind[]>(options.kinds);
  const [persona, setPersona] = useState(options.personas[0]?.key ?? "");
  const [consent, setConsent] = useState(false);
  const [busy, setBusy] = useState(false);
  const [mistakes, setMistakes] = useState<Mistakes>({});
  const [error, setError] = useState<unknown>(null);
  const language = chosen ?? page;
  const key = (name: string) => `${id}-${name}`;
  const mend = (name: Name) => setMistakes(({ [name]: _, ...others }) => others);

  const check = (): Mistakes => {
    const found: Mistakes = {};
    const outside = (value: string, low: number, high: number) => value.trim().length < low || value.length > high;
    if (by === "file" && !file) found.resume = say.wrong.noFile;
    else if (by === "file" && file && file.size > options.limits.resume_bytes)
      found.resume = say.wrong.tooLarge(size(options.limits.resume_bytes));
    else if (by === "text" && outside(text, options.resume.low, options.resume.high))
      found.resume = say.wrong.length(options.resume.low, options.resume.high);
    if (outside(role, 2, 100)) found.role = say.wrong.length(2, 100);
    if (!kinds.length) found.kinds = say.wrong.kinds;
    if (!consent) found.consent = say.wrong.consent;
    return found;
  };
  const show = (found: Mistakes) => {
    setMistakes(found);
    const first = ["resume", "role", "kinds", "consent"].find((name) => found[name]);
    if (first) document.getElementById(key(first === "resume" && by === "text" ? "text" : first))?.focus();
    announce(say.wrong.summary(Object.keys(found).length));
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    const found = check();
    if (Object.keys(found).length) return show(found);
    setBusy(true);
    setMistakes({});
    try {
      const resume = by === "file" && file ? await inMemory(file) : text;
      const all = kinds.length === options.kinds.length;
      const asked = { resume, role: role.trim(), level, language, questions, persona, follow_ups: followUps, consent };
      go(toInterview(await begin({ ...asked, kinds: all ? [] : [...kinds] })));
    } catch (failure) {
      setBusy(false);
      if (failure instanceof Unreadable) return show({ resume: say.wrong.unreadable });
      const fields = failure instanceof Problem ? failure.errors : [];
      if (fields.length) show(Object.fromEntries(fields.map((each) => [each.field, `${each.problem}. ${each.remedy}`])));
      setError(failure);
      document.getElementById(key("error"))?.focus();
    }
  };
  const example = () => {
    setBy("text");
    setText(say.example.resume);
    setRole(say.example.role);
    setLanguage(page);
    setMistakes({});
  };
  const toggle = (kind: Kind) => {
    mend("kinds");
    setKinds((now) => options.kinds.filter((each) => (each === kind ? !now.includes(each) : now.includes(each))));
  };

  return (
    <form className="card form" noValidate onSubmit={(event) => void submit(event)} aria-labelledby={key("form")} aria-busy={busy}>
      <div className="form-head">
        <h2 id={key("form")}>{say.start.form}</h2>
        <button type="button" className="quiet" onClick={example}>
          {say.start.example}
        </button>
      </div>

      <div className="with-tabs">
        <h3 id={key("resume-label")}>{say.start.resume}</h3>
        <Tabs
          id={key("by")}
          label={say.start.resume}
          value={by}
          choices={[
            ["file", say.start.file],
            ["text", say.start.text],
          ]}
          change={(now) => {
            setBy(now);
            mend("resume");
          }}
        />
      </div>
      <div role="tabpanel" id={key("by-panel")} aria-labelledby={key(`by-${by}-tab`)}>
        {by === "file" ? (
          <Drop
            id={key("resume")}
            file={file}
            most={options.limits.resume_bytes}
            wrong={mistakes.resume}
            change={(now) => {
              setFile(now);
              mend("resume");
            }}
          />
        ) : (
          <Field id={key("text")} label={say.start.paste} help={say.start.pasteHelp} wrong={mistakes.resume}>
            {(more) => (
              <>
                <textarea
                  id={key("text")}
                  rows={8}
                  value={text}
                  onChange={(event) => {
                    setText(event.target.value);
                    mend("resume");
                  }}
                  {...more}
                />
                <p className={text.length > options.resume.high ? "count over" : "count"}>
                  {say.start.characters(text.length, options.resume.high)}
                </p>
              </>
            )}
          </Field>
        )}
      </div>

      <Field id={key("role")} label={say.start.role} help={say.start.roleExample} wrong={mistakes.role}>
        {(more) => (
          <input
            id={key("role")}
            value={role}
            maxLength={100}
            autoComplete="organization-title"
            onChange={(event) => {
              setRole(event.target.value);
              mend("role");
            }}
            {...more}
          />
        )}
      </Field>
      <Segments
        name={key("level")}
        label={say.start.level}
        value={level}
        choices={options.levels.map((each) => [each, say.start.levels[each] ?? each] as const)}
        change={setLevel}
      />
      <fieldset className="field">
        <legend>{say.start.persona}</legend>
        <div className="cards">
          {options.personas.map((each) => (
            <label key={each.key}>
              <input
                type="radio"
                name={key("persona")}
                value={each.key}
                checked={each.key === persona}
                onChange={() => setPersona(each.key)}
              />
              <span>
                <strong>{each.title}</strong>
                {each.description}
              </span>
            </label>
          ))}
        </div>
      </fieldset>

      <details className="more" open={mistakes.kinds ? true : undefined}>
        <summary>{say.start.more}</summary>
        <Segments
          name={key("language")}
          label={say.start.language}
          value={language}
          choices={options.languages.map((each) => [each, say.languages[each] ?? each] as const)}
          change={setLanguage}
        />
        <div className="row">
          <Numbers id={key("questions")} label={say.start.questions} range={options.questions} value={questions} change={setQuestions} />
          <Numbers id={key("follow-ups")} label={say.start.followUps} range={options.follow_ups} value={followUps} change={setFollowUps} />
        </div>
        <fieldset className="field" id={key("kinds")} tabIndex={-1} {...described(key("kinds"), undefined, mistakes.kinds)}>
          <legend>{say.start.kinds}</legend>
          <div className="chips">
            {options.kinds.map((each) => (
              <label key={each}>
                <input type="checkbox" checked={kinds.includes(each)} onChange={() => toggle(each)} />
                <span>
                  <Icon name="check" />
                  {say.kinds[each] ?? each}
                </span>
              </label>
            ))}
          </div>
          <Wrong id={key("kinds")} text={mistakes.kinds} />
        </fieldset>
      </details>

      <div className="field">
        <label className="consent">
          <input
            id={key("consent")}
            type="checkbox"
            checked={consent}
            onChange={(event) => {
              setConsent(event.target.checked);
              mend("consent");
            }}
            {...described(key("consent"), undefined, mistakes.consent)}
          />
          <span>{say.start.consent(options.limits.retention_days)}</span>
        </label>
        <Wrong id={key("consent")} text={mistakes.consent} />
      </div>
      {error !== null && <Trouble error={error} id={key("error")} />}
      <button className="primary wide" disabled={busy}>
        {busy ? say.start.submitting : say.start.submit}
        {busy ? <span className="spinner" aria-hidden="true" /> : <Icon name="arrow" />}
      </button>
    </form>
  );
}

function Numbers(props: { id: string; label: string; range: { low: number; high: number }; value: number; change: (value: number) => void }) {
  const { low, high } = props.range;
  return (
    <Field id={props.id} label={props.label}>
      {() => (
        <select id={props.id} value={props.value} onChange={(event) => props.change(Number(event.target.value))}>
          {Array.from({ length: high - low + 1 }, (_, index) => (
            <option key={index}>{low + index}</option>
          ))}
        </select>
      )}
    </Field>
  );
}

class Unreadable extends Error {}

/** The file as it is now: one that is changed or taken away meanwhile could not be sent a second time. */
async function inMemory(file: File): Promise<File> {
  try {
    return new File([await file.arrayBuffer()], file.name, { type: file.type, lastModified: file.lastModified });
  } catch (error) {
    throw new Unreadable(file.name, { cause: error });
  }
}
