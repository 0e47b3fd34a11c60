import { schema, text } from './environment';

/** What a deployment was given, as text: its context, and the file of its environment. What it was not given is not in it. */
export interface Given {
  readonly environment?: string;
  readonly context: Readonly<Record<string, string>>;
}

/** Each value in one form, so that a file and a command line which mean the same are the same. */
export const given = (context: Record<string, unknown>, environment: string | undefined): Given => ({
  ...(environment !== undefined && { environment }),
  context: Object.fromEntries(Object.entries(context).map(([key, value]) => [key, oneForm(key, text(value))])),
});

function oneForm(key: string, value: string): string {
  const types = [schema.properties[withoutPrefix(key)]?.type ?? []].flat();
  if (types.includes('array')) return value.split(',').map((each) => each.trim()).join(',');
  if (!types.includes('object')) return value;
  try {
    return JSON.stringify(JSON.parse(value), inOrder);
  } catch {
    return value;
  }
}

/** `fallbackBedrockModel` is described as `bedrockModel`. */
export const withoutPrefix = (key: string): string => key.replace(/^fallback([A-Z])/, (_, first: string) => first.toLowerCase());

/** For `JSON.stringify`: the same text for the same value, whatever the order of its keys. */
export const inOrder = (_: string, inner: unknown): unknown =>
  typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
    : inner;
