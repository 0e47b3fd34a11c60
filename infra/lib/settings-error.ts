/** A configuration error of the user of the app: shown as its message, without a stack trace. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** What an error of AWS says, by its name and message. */
export const words = (error: unknown): string => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
