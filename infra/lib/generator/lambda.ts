import { Aws, Stack } from 'aws-cdk-lib';
import type { RustFunction } from '../rust-function';
import { readOverlength } from './model';
import type { Reader } from './reader';
import type { Variables } from './variables';

/** An existing function that generates the tasks of an action. */
export interface ExistingFunction {
  readonly kind: 'lambda';
  /** Its name or ARN, also with an alias. */
  readonly function: string;
  readonly overlength?: number;
}

const functionName = /^(arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:)?[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$/;

export const readFunction = (read: Reader): ExistingFunction => ({
  kind: 'lambda',
  function: read.needed('generatorFunction', functionName, 'the name or the ARN of a function, also with an alias'),
  overlength: readOverlength(read),
});

export const functionVariables = (generator: ExistingFunction): Variables => ({
  GENERATOR_FUNCTION: generator.function,
  AI_OVERLENGTH: generator.overlength?.toString(),
});

export function allowFunction(worker: RustFunction, generator: ExistingFunction): void {
  worker.allow(['lambda:InvokeFunction'], functionArn(worker, generator.function));
}

function functionArn(worker: RustFunction, function_: string): string {
  if (function_.startsWith('arn:')) return function_;
  const [name, alias] = function_.split(':');
  const arn = `arn:${Aws.PARTITION}:lambda:${Stack.of(worker).region}:${Aws.ACCOUNT_ID}:function:${name}`;
  return alias ? `${arn}:${alias}` : arn;
}
