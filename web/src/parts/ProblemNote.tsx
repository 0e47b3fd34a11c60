import type { Problem } from '../api/Problem';
import { useServices } from '../Services';
import { useTexts } from '../text/TextContext';
import { problemWords } from '../text/wording';

/** Why something that was asked for was not done. */
export function ProblemNote({ problem, onDismiss }: { problem: Problem; onDismiss?: () => void }) {
  const { text, language } = useTexts();
  const { signIn } = useServices();
  const { title, whatToDo, detail, retryAfter } = problemWords(text, problem, language);
  return (
    <div className="note" role="alert">
      <p>
        <strong>{title}</strong> {whatToDo} {retryAfter}
      </p>
      {detail && <p className="muted">{detail}</p>}
      {problem.isSignIn && <button onClick={signIn}>{text.signIn}</button>}
      {onDismiss && (
        <button className="quiet" onClick={onDismiss}>
          {text.close}
        </button>
      )}
    </div>
  );
}
