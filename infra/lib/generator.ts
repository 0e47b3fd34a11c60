import { Arn, Aws, Stack } from 'aws-cdk-lib';
import { type Bedrock, type Generator, type OpenAi, profileOf } from './generator-settings';
import type { RustFunction } from './rust-function';

/** Configures the worker's generator, and grants exactly the permissions that it needs. */
export function useGenerator(worker: RustFunction, generator: Generator): void {
  worker.setting('GENERATOR', generator.kind);
  switch (generator.kind) {
    case 'offline':
      return;
    case 'lambda':
      worker.setting('GENERATOR_FUNCTION', generator.function);
      worker.allow(['lambda:InvokeFunction'], functionArn(worker, generator.function));
      return;
    case 'bedrock':
      useModel(worker, generator);
      return useBedrock(worker, generator);
    case 'openai':
      useModel(worker, generator);
      return useOpenAi(worker, generator);
  }
}

function useModel(worker: RustFunction, { temperature, maxTokens, prices }: Bedrock | OpenAi): void {
  worker.setting('AI_TEMPERATURE', temperature?.toString());
  worker.setting('AI_MAX_TOKENS', maxTokens?.toString());
  worker.setting('AI_INPUT_PRICE', dollars(prices?.input));
  worker.setting('AI_OUTPUT_PRICE', dollars(prices?.output));
}

/** Never in the form 1e-7. */
const dollars = (price?: number) => price?.toFixed(6).replace(/\.?0+$/, '');

/**
 * A request through an inference profile needs the profile itself and the model in every region to which the profile
 * may route it (Bedrock user guide, "Prerequisites for inference profiles"); the model then only through this profile.
 * An application inference profile routes it like the profile that it was created from, for which no permission is
 * needed.
 */
function useBedrock(worker: RustFunction, { model: id, source, region, profileRegions }: Bedrock): void {
  worker.setting('BEDROCK_MODEL', id);
  worker.setting('BEDROCK_REGION', region);
  const { model, profile } = profileOf(source ?? id);
  const called = region ?? Aws.REGION;
  const action = ['bedrock:InvokeModel'];
  const modelIn = (where: string) => `arn:${Aws.PARTITION}:bedrock:${where}::foundation-model/${model}`;
  if (!source && !profile) {
    worker.allow(action, modelIn(called));
    return;
  }
  const profileArn = source ? id : `arn:${Aws.PARTITION}:bedrock:${called}:${Aws.ACCOUNT_ID}:inference-profile/${id}`;
  const through = { 'bedrock:InferenceProfileArn': profileArn };
  worker.allow(action, profileArn);
  for (const each of profileRegions ?? [called]) worker.allow(action, modelIn(each), { StringEquals: through });
  if (profile === 'global') {
    // Beyond the region of the request the model has no region: neither in its ARN nor in the request's context.
    worker.allow(action, modelIn(''), { StringEquals: { ...through, 'aws:RequestedRegion': 'unspecified' } });
  }
}

function useOpenAi(worker: RustFunction, { baseUrl, model, key, tokenLimit }: OpenAi): void {
  worker.setting('OPENAI_BASE_URL', baseUrl);
  worker.setting('OPENAI_MODEL', model);
  worker.setting('OPENAI_TOKEN_LIMIT', tokenLimit);
  if (!key) return;
  const { secret, parameter, kmsKey } = key;
  if (secret) {
    worker.setting('OPENAI_KEY_SECRET', secret);
    worker.allow(['secretsmanager:GetSecretValue'], secret);
  }
  if (parameter) {
    worker.setting('OPENAI_KEY_PARAMETER', parameter);
    worker.allow(['ssm:GetParameter'], Arn.format(
      { service: 'ssm', resource: 'parameter', resourceName: parameter.replace(/^\//, '') }, Stack.of(worker),
    ));
  }
  // AWS's own keys for these services need no permission of the function.
  if (kmsKey) {
    const service = secret ? 'secretsmanager' : 'ssm';
    worker.allow(['kms:Decrypt'], kmsKey, {
      StringEquals: { 'kms:ViaService': `${service}.${Aws.REGION}.${Aws.URL_SUFFIX}` },
    });
  }
}

function functionArn(worker: RustFunction, function_: string): string {
  if (function_.startsWith('arn:')) return function_;
  const [name, alias] = function_.split(':');
  const arn = `arn:${Aws.PARTITION}:lambda:${Stack.of(worker).region}:${Aws.ACCOUNT_ID}:function:${name}`;
  return alias ? `${arn}:${alias}` : arn;
}
