// The module itself is compiled from the schemas by `npm run build`, see scripts/validators.ts.

/** The first rule that a value breaks. */
export interface Broken {
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Returns `true` if a value keeps the rules; if not, `errors` begins with the first rule that it breaks. */
export interface Validator {
  (value: unknown): boolean;
  errors?: readonly Broken[] | null;
}

/** The known fields of an object: each with the fields of the object in it, or with the name of its definition. */
export interface Fields {
  readonly [name: string]: Known;
}

/** What is known of a field. A list has what its items have. */
export type Known = Fields | string;

export const validators: Readonly<Record<string, Validator>>;
export const fields: Readonly<Record<string, Fields>>;
/** The events that the pipeline itself emits. */
export const fromPipeline: readonly string[];
/** What the definitions that are texts of a certain form ask for, in words. */
export const rules: Readonly<Record<string, string>>;
