/** A text or a value breaks the contract. Its message repeats nothing of that. */
export class ContractError extends Error {
  override readonly name = 'ContractError';

  /** By name: a program may load this package twice, once by `import` and once by `require`. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'ContractError';
  }
}
