/** The longest time of a timer: a longer one would be over at once. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Does something that may never end, and stops waiting for it when the time is over or `outer` is aborted. Its own signal says so, but
 * whoever does not heed that is not waited for either: a connection that a computer had before it slept is silent for long.
 */
export function within<Result>(milliseconds: number, outer: AbortSignal, action: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  outer.throwIfAborted();
  const inner = new AbortController();
  return new Promise((resolve, reject) => {
    const stop = (reason: unknown) => {
      reject(reason as Error);
      inner.abort(reason);
    };
    const aborted = () => stop(outer.reason);
    const late = () => stop(new DOMException(`no answer within ${milliseconds} ms`, 'TimeoutError'));
    const timer = setTimeout(late, Math.min(milliseconds, LONGEST_MS));
    outer.addEventListener('abort', aborted);
    const settled = () => {
      clearTimeout(timer);
      outer.removeEventListener('abort', aborted);
    };
    inner.signal.addEventListener('abort', settled, { once: true });
    action(inner.signal).finally(settled).then(resolve, reject);
  });
}
