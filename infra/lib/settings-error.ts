/** A configuration error of the user of the app: shown as its message, without a stack trace. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}
