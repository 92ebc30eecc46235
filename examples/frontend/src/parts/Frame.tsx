import { useEffect, useState } from "react";
import type { Version } from "../api/documents";
import * as service from "../api/service";
import * as keep from "../state/keep";
import { route, TO_LIST, TO_START } from "../state/page";
import { useStore } from "../state/store";
import { useWords } from "../words";
import icon from "../icon.svg";
import { Icon } from "./Icon";

export function Header() {
  const say = useWords();
  const where = useStore(route);
  const current = (view: string) => (where.view === view ? "page" : undefined);
  return (
    <header className="top">
      <a className="brand" href={TO_START} aria-label={`PreView: ${say.tagline}`}>
        <img src={icon} alt="" width="28" height="28" />
        <span>PreView</span>
      </a>
      <nav aria-label="PreView">
        <a href={TO_START} aria-current={current("start")}>
          <Icon name="plus" />
          <span>{say.nav.start}</span>
        </a>
        <a href={TO_LIST} aria-current={current("list")}>
          <Icon name="list" />
          <span>{say.nav.list}</span>
        </a>
      </nav>
      <div className="switches">
        <LanguageSwitch />
        <ThemeSwitch />
      </div>
    </header>
  );
}

function LanguageSwitch() {
  const say = useWords();
  const now = useStore(keep.language);
  return (
    <div className="segments small" role="group" aria-label={say.chooseLanguage}>
      {(["ko", "en"] as const).map((language) => (
        <button
          key={language}
          type="button"
          lang={language}
          aria-pressed={language === now}
          onClick={() => keep.language.set(language)}
        >
          {language === "ko" ? "한국어" : "EN"}
          {language === "en" && <span className="unseen">glish</span>}
        </button>
      ))}
    </div>
  );
}

const NEXT = { auto: "light", light: "dark", dark: "auto" } as const;

function ThemeSwitch() {
  const say = useWords();
  const now = useStore(keep.theme);
  const label = `${say.chooseTheme}: ${say.themes[now]}`;
  return (
    <button type="button" className="icon" aria-label={label} title={label} onClick={() => keep.theme.set(NEXT[now])}>
      <Icon name={now} />
    </button>
  );
}

const nameOf = ({ version, git_sha }: Version) => (/^[0-9a-f]{7,}$/.test(git_sha) ? `${version} ${git_sha.slice(0, 12)}` : version);

/** Which release of the API answers: what an operator looks for after a rollout. */
export function Footer() {
  const say = useWords();
  const [found, setFound] = useState<Version | null>(null);
  useEffect(() => {
    service.version(keep.language.get()).then(setFound, () => setFound(null));
  }, []);
  return (
    <footer>
      <p>{say.tagline}</p>
      {found && <p className="soft">{say.release(nameOf(found), found.instance)}</p>}
    </footer>
  );
}
