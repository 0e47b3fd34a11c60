import { type SubmitEvent, useState } from 'react';

import { Dialog } from '../parts/Dialog';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { useText } from '../text/TextContext';

interface Props {
  onCancel: (reason: string) => Promise<unknown>;
  onClose: () => void;
}

/** Asks for the reason, and says what a cancellation removes. */
export function CancelDialog({ onCancel, onClose }: Props) {
  const text = useText();
  const command = useCommand();
  const [reason, setReason] = useState('');
  async function submit(event: SubmitEvent) {
    event.preventDefault();
    if (await command.run(() => onCancel(reason.trim()))) onClose();
  }
  return (
    <Dialog title={text.cancelTitle} shape="question" onClose={onClose}>
      <form onSubmit={event => void submit(event)}>
        <p>{text.cancelWhat}</p>
        <label>
          {text.cancelReason}
          <textarea rows={3} maxLength={2000} value={reason} onChange={event => setReason(event.target.value)} />
        </label>
        {command.problem && <ProblemNote problem={command.problem} />}
        <div className="buttons">
          <button type="button" onClick={onClose}>
            {text.keepRunning}
          </button>
          <button type="submit" className="primary" disabled={command.busy}>
            {text.cancelConfirm}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
