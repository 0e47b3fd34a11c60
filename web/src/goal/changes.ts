/** Tells the other tabs that a goal has changed. */
export function changesOf(goalId: string, onChange?: () => void): { announce: () => void; close: () => void } {
  const channel = new BroadcastChannel('goal-changes');
  const listener = ({ data }: MessageEvent<unknown>) => {
    if (data === goalId) onChange?.();
  };
  if (onChange) channel.addEventListener('message', listener);
  const close = () => channel.close();
  return {
    announce: () => {
      channel.postMessage(goalId);
      close();
    },
    close,
  };
}
