import type { GoalAction, Priority, Task } from '../src/api/types.ts';

const STEPS = {
  ja: {
    execution: [
      'いまの状態を書き出す',
      '必要なものと期限を決める',
      '最初の一回をやってみる',
      '結果を見て次の一歩を決める',
    ],
    habit: ['曜日と時刻を決めて予定に入れる', '終えたらその日のうちに記録する'],
    how: (title: string) => `「${title}」のために、静かな時間を取って進める。`,
  },
  en: {
    execution: [
      'Write down where you stand',
      'Settle what you need, and by when',
      'Do it once, small',
      'Look at the result and decide the next step',
    ],
    habit: ['Choose the days and the hour, and put them in the calendar', 'Note it down on the same day'],
    how: (title: string) => `Towards “${title}”: take an hour without interruptions.`,
  },
};
const PRIORITIES: Priority[] = ['high', 'medium', 'medium', 'low'];

/** The tasks of an action: four steps, or two of a habit, as the offline generator makes them. */
export function tasksOf(goalId: string, place: string, action: GoalAction, arn: string, at: number): Task[] {
  const words = /[\u3040-\u30ff\u4e00-\u9fff]/.test(action.title) ? STEPS.ja : STEPS.en;
  const time = new Date(at).toISOString();
  return words[action.type].map((title, index) => ({
    goalId,
    position: `${place}#${index + 1}`,
    taskId: `${action.actionId}-${index + 1}`,
    actionId: action.actionId,
    executionArn: arn,
    title,
    description: words.how(action.title),
    type: action.type,
    estimatedMinutes: 30 + ((index * 10) % 31),
    priority: PRIORITIES[index] ?? 'low',
    status: 'not_started',
    createdAt: time,
    updatedAt: time,
    generator: 'offline',
  }));
}
