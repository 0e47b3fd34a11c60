import { useText } from '../text/TextContext';

/** Stands for the page where its configuration or its sign-in cannot be had. */
export function NotSetUp({ reason }: { reason: string }) {
  const text = useText();
  const [title, what] = text.noConfig;
  return (
    <main className="problem-view" role="alert">
      <h1>{title}</h1>
      <p>{what}</p>
      <p className="muted">{reason}</p>
      <button onClick={() => location.reload()}>{text.tryAgain}</button>
    </main>
  );
}
