import { lazy, Suspense, useEffect, useRef } from "react";
import { Boundary } from "./parts/Boundary";
import { Footer, Header } from "./parts/Frame";
import { Loading } from "./parts/Notice";
import * as service from "./api/service";
import * as keep from "./state/keep";
import { announcement, focusOn, type Route, route } from "./state/page";
import { store, useStore } from "./state/store";
import { InterviewView } from "./views/InterviewView";
import { StartView } from "./views/StartView";
import { useWords } from "./words";

// What the first visit does not need comes when it is asked for.
const ReportView = lazy(() => import("./views/ReportView"));
const ListView = lazy(() => import("./views/ListView"));

/** Whether requests fail just now, and are tried again. */
const failing = store(0);
service.watch((ok) => failing.set((times) => (ok ? 0 : times + 1)));

/** Failures in a row before anybody is told: a release of the service takes less. */
const QUIET = 3;

export function App() {
  const say = useWords();
  const language = useStore(keep.language);
  const theme = useStore(keep.theme);
  const where = useStore(route);
  const trouble = useStore(failing) > QUIET;

  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const place = placeOf(where);
  useFocusOnHeading(place);

  return (
    <>
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault(); // the hash is the route
          focusOn("main");
        }}
      >
        {say.skip}
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <Boundary key={place}>
          <Suspense fallback={<Loading />}>
            <View where={where} />
          </Suspense>
        </Boundary>
      </main>
      <Footer />
      {trouble && <p className="trouble">{say.reconnecting}</p>}
      <Spoken trouble={trouble ? say.reconnecting : ""} />
    </>
  );
}

function View({ where }: { where: Route }) {
  switch (where.view) {
    case "start":
      return <StartView />;
    case "list":
      return <ListView />;
    case "interview":
      return <InterviewView key={where.id} id={where.id} chosen={where.question} />;
    case "report":
      return <ReportView key={where.id} id={where.id} />;
  }
}

/** What is said to those who cannot see that something has changed. */
function Spoken({ trouble }: { trouble: string }) {
  const text = useStore(announcement);
  return (
    <div className="unseen" role="status" aria-live="polite">
      {trouble || text}
    </div>
  );
}

/** What changes when another view is shown: another question of an interview is none. */
function placeOf(where: Route): string {
  return "id" in where ? `${where.view} ${where.id}` : where.view;
}

/** A new view begins at its heading, for the eye and for the keyboard. */
function useFocusOnHeading(place: string): void {
  const before = useRef(place);
  useEffect(() => {
    if (before.current !== place) focusOn("title");
    before.current = place;
  }, [place]);
}
