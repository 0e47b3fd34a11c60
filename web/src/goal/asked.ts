import { Problem } from '../api/Problem';

/** Waits for what was asked of the API, and looks at the goal again: also where it was refused because the goal is not as it seemed. */
export async function asked(what: Promise<unknown>, refresh: () => void): Promise<void> {
  try {
    await what;
  } catch (error) {
    if (Problem.of(error).status === 409) refresh();
    throw error;
  }
  refresh();
}
