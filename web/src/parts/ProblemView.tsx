import type { Problem } from '../api/Problem';
import { useServices } from '../Services';
import { useTexts } from '../text/TextContext';
import { problemWords } from '../text/wording';

interface Props {
  problem: Problem;
  onRetry?: () => void;
  /** Whether the page repeats by itself what may succeed later. */
  repeats?: boolean;
}

/** Stands where a page's content would: why there is none, and what to do. */
export function ProblemView({ problem, onRetry, repeats = false }: Props) {
  const { text, language } = useTexts();
  const { signIn } = useServices();
  const { title, whatToDo, detail, retryAfter } = problemWords(text, problem, language);
  return (
    <div className="problem-view" role="alert">
      <h1 tabIndex={-1}>{title}</h1>
      <p>
        {whatToDo} {repeats && problem.isOutage && text.repeats}
      </p>
      {retryAfter && <p>{retryAfter}</p>}
      {detail && <p className="muted">{detail}</p>}
      {problem.isSignIn ? (
        <button className="primary" onClick={signIn}>
          {text.signIn}
        </button>
      ) : (
        onRetry && <button onClick={onRetry}>{text.tryAgain}</button>
      )}
    </div>
  );
}
