/** How long the polls of a page are apart at least that nobody sees. */
const HIDDEN_MS = 30_000;
/** While the browser says that it has no network, which is not always true. */
const OFFLINE_MS = 60_000;

const isHidden = () => typeof document !== 'undefined' && document.visibilityState === 'hidden';
const isOffline = () => typeof navigator !== 'undefined' && navigator.onLine === false;

/**
 * Waits. Longer in a hidden page, until it is seen again, and without a network, until there is one again; but never shorter than
 * `leastMs`. Rejects with the signal's reason when that is aborted.
 */
export function pause(milliseconds: number, signal: AbortSignal | undefined, leastMs = 0): Promise<void> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const start = Date.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const listeners: [EventTarget | undefined, string, () => void][] = [
      [signal, 'abort', () => end(() => reject(signal?.reason as Error))],
      [typeof document === 'undefined' ? undefined : document, 'visibilitychange', schedule],
      [typeof window === 'undefined' ? undefined : window, 'online', connected],
    ];
    for (const [target, event, listener] of listeners) target?.addEventListener?.(event, listener);
    let wanted = Math.max(milliseconds, leastMs);
    schedule();

    function connected() {
      wanted = leastMs;
      schedule();
    }
    function schedule() {
      clearTimeout(timer);
      const least = isOffline() ? OFFLINE_MS : isHidden() ? HIDDEN_MS : 0;
      // A clock may be set back meanwhile.
      const passed = Math.max(0, Date.now() - start);
      timer = setTimeout(() => end(resolve), Math.max(wanted, least) - passed);
    }
    function end(then: () => void) {
      clearTimeout(timer);
      for (const [target, event, listener] of listeners) target?.removeEventListener?.(event, listener);
      then();
    }
  });
}
