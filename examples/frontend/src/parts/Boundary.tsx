import { Component, type ReactNode } from "react";
import { useWords } from "../words";

/** Where a part of the page cannot be loaded, mostly since a later release took its place, the page can be renewed. */
export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Stale /> : this.props.children;
  }
}

function Stale() {
  const say = useWords();
  return (
    <section className="card centred" role="alert">
      <h1 id="title" tabIndex={-1}>
        {say.stale.title}
      </h1>
      <p>{say.stale.help}</p>
      <button type="button" className="primary" onClick={() => location.reload()}>
        {say.stale.reload}
      </button>
    </section>
  );
}
