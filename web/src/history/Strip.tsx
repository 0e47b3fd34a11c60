/** How a workflow came out: one part of the line for what succeeded, one for what failed, the rest is open. */
export function Strip({ succeeded, failed, total }: { succeeded: number; failed: number; total: number }) {
  const rest = Math.max(0, total - succeeded - failed);
  return (
    <span className="strip" aria-hidden="true">
      {succeeded > 0 && <span className="strip-succeeded" style={{ flexGrow: succeeded }} />}
      {failed > 0 && <span className="strip-failed" style={{ flexGrow: failed }} />}
      {rest > 0 && <span className="strip-open" style={{ flexGrow: rest }} />}
    </span>
  );
}
