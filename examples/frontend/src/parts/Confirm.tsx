import { useEffect, useRef, useState } from "react";
import { useWords } from "../words";
import { Trouble } from "./Notice";

/** Asks before something is deleted for good. */
export function Confirm({ text, act, close }: { text: string; act: () => Promise<void>; close: () => void }) {
  const say = useWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  useEffect(() => {
    dialog.current?.showModal();
  }, []);

  const yes = async () => {
    setBusy(true);
    setError(null);
    try {
      await act();
      dialog.current?.close();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" aria-describedby="confirm-text" onClose={close}>
      <h2 id="confirm-title">{say.confirm.title}</h2>
      <p id="confirm-text">{text}</p>
      {error !== null && <Trouble error={error} />}
      <div className="buttons end">
        <button type="button" onClick={() => dialog.current?.close()} disabled={busy}>
          {say.cancel}
        </button>
        <button type="button" className="danger" onClick={() => void yes()} disabled={busy}>
          {busy ? say.confirm.deleting : say.confirm.yes}
        </button>
      </div>
    </dialog>
  );
}
