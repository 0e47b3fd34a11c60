/** Variables of the worker by name, without the prefix of a fallback. One without a value is left out. */
export type Variables = Record<string, string | undefined>;
