import type { CellState } from './cells';

/** The state as a shape: a ring, a half disc, a disc, a cross. The words beside it say the same. */
export function StateMark({ state }: { state: CellState }) {
  if (state === 'none') return null;
  return (
    <svg className={`mark ${state}`} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {state === 'waiting' && <circle cx="6" cy="6" r="4.25" className="outline" />}
      {state === 'generating' && (
        <>
          <circle cx="6" cy="6" r="4.25" className="outline" />
          <path d="M6 1.75a4.25 4.25 0 0 1 0 8.5z" className="solid" />
        </>
      )}
      {state === 'succeeded' && <circle cx="6" cy="6" r="4.75" className="solid" />}
      {state === 'failed' && <path d="M2 2l8 8M10 2l-8 8" className="stroke" />}
    </svg>
  );
}
