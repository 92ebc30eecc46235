import * as keep from "../state/keep";
import { go, TO_LIST, TO_START } from "../state/page";
import { useWords } from "../words";

/** In place of an interview that was deleted, has expired, or was never this browser's. */
export function Gone({ id }: { id: string }) {
  const say = useWords();
  return (
    <section className="card centred">
      <h1 id="title" tabIndex={-1}>
        {say.interview.gone}
      </h1>
      <p>{say.interview.goneHelp}</p>
      <div className="buttons">
        {keep.find(id) && (
          <button
            type="button"
            onClick={() => {
              keep.forget(id);
              go(TO_LIST, { replace: true });
            }}
          >
            {say.interview.forget}
          </button>
        )}
        <a className="button primary" href={TO_START}>
          {say.toStart}
        </a>
      </div>
    </section>
  );
}
