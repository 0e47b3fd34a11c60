import type { Problem } from '../api/Problem';
import type { Text } from './en';

/** A problem in words: what it is, what to do, and what the service says about it. */
export function problemWords(text: Text, problem: Problem, language: string) {
  const [title, whatToDo] = text.problem[problem.code] ?? ofStatus(text, problem.status) ?? text.problemUnknown;
  const seconds = problem.retryAfterSeconds;
  return {
    title,
    whatToDo,
    retryAfter: seconds ? text.retryAfter(moment(language, new Date(Date.now() + seconds * 1000))) : undefined,
    detail: problem.detail && needsDetail(text, problem) ? text.detail(problem.detail) : undefined,
  };
}

/** What these are about is only in the service's own words. */
const SPECIFIC = ['INVALID_REQUEST', 'UNREADABLE_GOAL', 'UNKNOWN_ACTION', 'TASKS_EXIST', 'INTERNAL'];

const needsDetail = (text: Text, { code, status }: Problem) =>
  SPECIFIC.includes(code) || (text.problem[code] === undefined && status > 0);

function ofStatus(text: Text, status: number) {
  if (status === 401) return text.problem['UNAUTHENTICATED'];
  if (status === 403) return text.problem['NOT_OWNER'];
  if (status === 404) return text.problem['NOT_FOUND'];
  if (status === 429) return text.problem['TOO_MANY_REQUESTS'];
  return status >= 500 ? text.problem['UNAVAILABLE'] : undefined;
}

export const failureWords = (text: Text, code: string | undefined) => text.failure[code ?? ''] ?? text.failureUnknown;

/** Why nothing is launched. The pipeline's own reasons are known; an operator's stays as it was written. */
export function pauseWords(text: Text, reason: string, language: string): string {
  if (reason.startsWith('the AI is not available;')) return text.pausedWithoutAi;
  const until = /^the amount for the AI is spent for today;.* at (\S+)$/.exec(reason)?.[1];
  return until === undefined ? text.paused(reason) : text.pausedForToday(moment(language, new Date(until)));
}

/** A time of today, or a day and a time. */
export function moment(language: string, at: Date, now = new Date()): string {
  const today = at.toDateString() === now.toDateString();
  const day = today ? {} : ({ month: 'short', day: 'numeric' } as const);
  return new Intl.DateTimeFormat(language, { ...day, hour: 'numeric', minute: '2-digit' }).format(at);
}

/** A price, with as many digits as it needs to be more than nothing. */
export function dollars(language: string, microUsd: number): string {
  const value = microUsd / 1_000_000;
  const digits = value >= 1 ? 2 : 4;
  return new Intl.NumberFormat(language, { style: 'currency', currency: 'USD', maximumFractionDigits: digits }).format(
    value,
  );
}
