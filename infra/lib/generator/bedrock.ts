import { Aws } from 'aws-cdk-lib';
import type { RustFunction } from '../rust-function';
import { SettingsError } from '../settings-error';
import type { Key } from './keys';
import { type Model, modelVariables, readModel } from './model';
import { type Form, geographies, hasUnknownGeography, isOutside, type ModelId, parseModelId, type Source, sourceOf } from './model-id';
import type { Reader } from './reader';
import type { Variables } from './variables';

export interface Bedrock extends Model {
  readonly kind: 'bedrock';
  readonly id: ModelId;
  /** What is behind the id: a model, or one of Bedrock's own profiles; several behind a prompt router. */
  readonly sources: Source[];
  /** Default: the stack's. */
  readonly region?: string;
  /** The regions to which a geographic inference profile may route a request. */
  readonly profileRegions?: string[];
  readonly toolChoice?: (typeof toolChoices)[number];
}

export const toolChoices = ['tool', 'any', 'auto', 'none'] as const;

/** The forms whose ARN does not name the models behind them. */
const needsSource: readonly Form[] = ['application-inference-profile', 'prompt-router', 'default-prompt-router'];

const region = /^[a-z]{2}(-[a-z]+)+-\d$/;

export function readBedrock(read: Reader): Bedrock {
  const shape = 'the id of a model or an inference profile, or the ARN that the Bedrock console shows for one';
  const text = read.needed('bedrockModel', /^\S+$/, shape);
  if (/:custom-model\//.test(text)) {
    throw read.wrong('bedrockModel', 'the ARN of its deployment (custom-model-deployment/…) or of its provisioned '
      + 'throughput (provisioned-model/…): a custom model itself is not called');
  }
  const id = parseModelId(text);
  if (!id) throw read.wrong('bedrockModel', shape);
  if (hasUnknownGeography(id)) throw read.wrong('bedrockModel', knownGeographies);

  // Converse takes no more (InferenceConfiguration in the Bedrock API reference).
  read.number('aiTemperature', (t) => t >= 0 && t <= 1, 'a number from 0 to 1, as Bedrock takes it');
  const called = read.text('bedrockRegion', region, 'a region');
  if (id.region && called && called !== id.region) {
    throw new SettingsError(`context ${read.name('bedrockRegion')}=${called}: this ${readable(id.form)} is in ${id.region}; `
      + 'leave the region out');
  }
  const sources = readSources(read, id);
  const profileRegions = readProfileRegions(read, sources, id.region ?? called);
  return {
    kind: 'bedrock',
    ...readModel(read, sources.length === 1 ? sources[0]!.model : undefined),
    id,
    sources,
    region: id.region ?? called,
    profileRegions,
    toolChoice: read.choice('bedrockToolChoice', toolChoices),
  };
}

function readSources(read: Reader, id: ModelId): Source[] {
  const router = id.form.endsWith('prompt-router');
  const shape = "the id of a model or of one of Bedrock's inference profiles" + (router ? ', several comma-separated' : '');
  const key: Key = 'bedrockProfileSource';
  const texts = read.list(key, /^\S+$/, shape);
  const of = router ? 'get-prompt-router' : 'get-inference-profile';
  if (needsSource.includes(id.form) && texts === undefined) {
    throw read.missing(key, `this ${readable(id.form)}`, `the model or the profile that \`aws bedrock ${of}\` shows for it, `
      + 'such as eu.amazon.nova-lite-v1:0');
  }
  if (!needsSource.includes(id.form) && texts !== undefined) {
    throw read.conflict([key], ` has no meaning with this ${readable(id.form)}: it belongs to an application inference profile or a `
      + 'prompt router, whose ARN does not tell its models');
  }
  if (texts === undefined) {
    const own = sourceOf(id);
    return own ? [own] : [];
  }
  const ids = texts.map((each) => parseModelId(each));
  if (ids.some((each) => each && hasUnknownGeography(each))) throw read.wrong(key, knownGeographies);
  const parsed = ids.map((each) => each && sourceOf(each));
  const sources = parsed.filter((each) => each !== undefined);
  if (sources.length < texts.length || (!router && sources.length > 1)) throw read.wrong(key, shape);
  return sources;
}

function readProfileRegions(read: Reader, sources: Source[], called: string | undefined): string[] | undefined {
  const key: Key = 'bedrockProfileRegions';
  const regions = read.list(key, region, 'regions, comma-separated');
  const geographic = sources.filter(({ profile }) => profile === 'geographic');
  const [first] = geographic;
  if (!first) {
    if (regions === undefined) return undefined;
    throw read.conflict([key], ' has no meaning with this model: it belongs to a geographic inference profile such as eu.…');
  }
  if (regions === undefined) {
    throw read.missing(key, first.id, 'the regions that `aws bedrock get-inference-profile` shows for it, such as eu-west-1,eu-north-1');
  }
  for (const { id } of geographic) {
    const outside = regions.find((each) => isOutside(id, each));
    if (outside) throw read.wrong(key, `the regions of ${id}, which does not route to ${outside}`);
  }
  if (called && !regions.includes(called)) {
    throw read.wrong(key, `also ${called}, where ${first.id} is called`);
  }
  return regions;
}

const knownGeographies = `an id whose profile begins with one of ${[...geographies, 'global'].map((each) => `${each}.`).join(', ')}; `
  + 'any other profile by its ARN, …:inference-profile/<id>';

const readable = (form: Form) => form.replaceAll('-', ' ');

export const bedrockVariables = ({ id, region, toolChoice, ...model }: Bedrock): Variables => ({
  BEDROCK_MODEL: id.text,
  BEDROCK_REGION: region,
  BEDROCK_TOOL_CHOICE: toolChoice,
  ...modelVariables(model),
});

const invoke = ['bedrock:InvokeModel'];

/**
 * Grants what Converse needs for each form (Service Authorization Reference, Amazon Bedrock, InvokeModel; Bedrock user
 * guide, "Prerequisites for inference profiles"):
 *
 * - a model, a provisioned or imported model, a deployment: itself;
 * - a profile: itself, and the model in every region to which it may route a request, only through this profile. An
 *   application inference profile routes like the profile that it was created from, which needs no permission;
 * - a prompt router: itself, and what it routes to, only through this router.
 */
export function allowBedrock(worker: RustFunction, { id, sources, region, profileRegions }: Bedrock): void {
  const called = region ?? Aws.REGION;
  const inRegions = (source: Source, through: Record<string, string>) => {
    const modelIn = (where: string) => `arn:${Aws.PARTITION}:bedrock:${where}::foundation-model/${source.model}`;
    const regions = source.profile === 'geographic' ? profileRegions! : [called];
    for (const each of regions) worker.allow(invoke, modelIn(each), { StringEquals: through });
    if (source.profile === 'global') {
      // Beyond the region of the request the model has no region: neither in its ARN nor in the request's context.
      worker.allow(invoke, modelIn(''), { StringEquals: { ...through, 'aws:RequestedRegion': 'unspecified' } });
    }
  };
  const profileArn = (name: string) => `arn:${Aws.PARTITION}:bedrock:${called}:${Aws.ACCOUNT_ID}:inference-profile/${name}`;

  switch (id.form) {
    case 'foundation-model':
      worker.allow(invoke, id.arn ?? `arn:${Aws.PARTITION}:bedrock:${called}::foundation-model/${id.name}`);
      return;
    case 'provisioned-model':
    case 'imported-model':
    case 'custom-model-deployment':
      worker.allow(invoke, id.arn!);
      return;
    case 'inference-profile':
    case 'application-inference-profile': {
      const arn = id.arn ?? profileArn(id.name);
      worker.allow(invoke, arn);
      inRegions(sources[0]!, { 'bedrock:InferenceProfileArn': arn });
      return;
    }
    case 'prompt-router':
    case 'default-prompt-router': {
      const through = { 'bedrock:PromptRouterArn': id.arn! };
      // As CDK's own construct for a router grants (@aws-cdk/aws-bedrock-alpha, PromptRouter.grantInvoke).
      worker.allow(['bedrock:GetPromptRouter', ...invoke], id.arn!);
      for (const source of sources) {
        if (source.profile) worker.allow(invoke, profileArn(source.id), { StringEquals: through });
        inRegions(source, through);
      }
    }
  }
}
