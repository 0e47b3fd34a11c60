/** A text or a value breaks the contract. Its message repeats nothing of that. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}
