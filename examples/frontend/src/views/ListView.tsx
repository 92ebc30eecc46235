import { useEffect, useState } from "react";
import type { Summary } from "../api/documents";
import { Problem } from "../api/problem";
import * as service from "../api/service";
import { Confirm } from "../parts/Confirm";
import { Icon } from "../parts/Icon";
import { Trouble } from "../parts/Notice";
import * as keep from "../state/keep";
import { announce, TO_START, toInterview, useTitle } from "../state/page";
import { useStore } from "../state/store";
import { remove, removeAll } from "../state/works";
import { useWords } from "../words";

export default function ListView() {
  const say = useWords();
  const kept = useStore(keep.interviews);
  const { known, error, again } = useSummaries(kept);
  const [removing, setRemoving] = useState<keep.Kept | "all" | null>(null);
  useTitle(say.list.title);

  const act = async () => {
    if (removing === "all") await removeAll();
    else if (removing) await remove(removing);
    announce(say.list.removed);
  };
  const close = () => {
    setRemoving(null);
    // What was focused may be gone with what was deleted.
    if (document.activeElement === document.body) document.getElementById("title")?.focus();
  };
  return (
    <section className="list">
      <h1 id="title" tabIndex={-1}>
        {say.list.title}
      </h1>
      {kept.length ? <p className="soft">{say.list.lead}</p> : <Empty />}
      {error !== null && <Trouble error={error} again={again} />}
      <ul className="rows">
        {kept.map((each) => (
          <Row key={each.id} kept={each} summary={known.get(each.id)} remove={() => setRemoving(each)} />
        ))}
      </ul>
      {kept.length > 0 && (
        <button type="button" className="quiet delete" onClick={() => setRemoving("all")}>
          <Icon name="bin" />
          {say.list.removeAll}
        </button>
      )}
      {removing && <Confirm text={removing === "all" ? say.confirm.all : say.confirm.one} act={act} close={close} />}
    </section>
  );
}

function Empty() {
  const say = useWords();
  return (
    <div className="card centred">
      <h2>{say.list.empty}</h2>
      <p>{say.list.emptyHelp}</p>
      <a className="button primary" href={TO_START}>
        {say.toStart}
      </a>
    </div>
  );
}

function Row({ kept, summary, remove }: { kept: keep.Kept; summary: Summary | undefined; remove: () => void }) {
  const say = useWords();
  const language = useStore(keep.language);
  const date = (text: string, style: "medium" | "long") => new Date(text).toLocaleDateString(language, { dateStyle: style });
  return (
    <li className="card">
      <div>
        <h2>
          <a href={toInterview(kept.id)} lang={kept.language}>
            {kept.role}
          </a>
        </h2>
        <p className="soft">
          {date(kept.created, "long")} · {say.start.levels[kept.level]} · {say.languages[kept.language]}
        </p>
        {summary && (
          <p>
            <span className={`badge ${summary.state}`}>{say.list.states[summary.state]}</span>{" "}
            {summary.questions > 0 && say.interview.progress(summary.answered, summary.questions)}
          </p>
        )}
        {summary && <p className="help">{say.list.until(date(summary.expires_at, "medium"))}</p>}
      </div>
      <div className="buttons">
        <a className="button" href={toInterview(kept.id)} aria-label={`${say.list.open}: ${kept.role}`}>
          {say.list.open}
        </a>
        <button type="button" className="quiet delete" aria-label={say.list.removeOf(kept.role)} onClick={remove}>
          <Icon name="bin" />
          {say.list.remove}
        </button>
      </div>
    </li>
  );
}

/** What became of the interviews: one question for all that belong together. Those that are gone are forgotten. */
function useSummaries(kept: readonly keep.Kept[]): { known: ReadonlyMap<string, Summary>; error: unknown; again: () => void } {
  const [known, setKnown] = useState<ReadonlyMap<string, Summary>>(new Map());
  const [error, setError] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const ids = kept.map((each) => each.id).join();
  useEffect(() => {
    let wanted = true;
    const look = async () => {
      const found = new Map<string, Summary>();
      for (const each of keep.interviews.get()) {
        if (found.has(each.id)) continue;
        try {
          const listed = await service.listed(each.token, keep.language.get());
          for (const summary of listed) found.set(summary.id, summary);
        } catch (failure) {
          if (!(failure instanceof Problem && failure.status === 404)) throw failure;
          keep.forget(each.id);
        }
      }
      return found;
    };
    look().then(
      (found) => {
        if (!wanted) return;
        setKnown(found);
        setError(null);
      },
      (failure: unknown) => wanted && setError(failure),
    );
    return () => {
      wanted = false;
    };
  }, [ids, attempt]);
  return { known, error, again: () => setAttempt((number) => number + 1) };
}
