export type * from './types.js';
export type { Entry, EventName, ReceivedEvent } from './events.js';
export { ContractError } from './error.js';
export { asDetail, isDetail, readEvent, toEntry } from './events.js';
export { schemas } from './schemas.js';
export { SOURCE } from './source.js';
