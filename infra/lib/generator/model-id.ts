/**
 * The forms of a model's id that Converse takes (Amazon Bedrock API reference, Converse, `modelId`), and that the console
 * shows. An id without an ARN is one of the first two.
 */
export type Form =
  | 'foundation-model' | 'inference-profile' | 'application-inference-profile' | 'provisioned-model' | 'imported-model'
  | 'custom-model-deployment' | 'prompt-router' | 'default-prompt-router';

export interface ModelId {
  readonly form: Form;
  /** As in the settings: an id or an ARN. */
  readonly text: string;
  /** The part of an ARN after its form, otherwise the id. */
  readonly name: string;
  readonly arn?: string;
  /** Where an ARN is. */
  readonly region?: string;
}

/** A model, or one of Bedrock's own inference profiles for it. */
export interface Source {
  readonly id: string;
  readonly model: string;
  readonly profile?: 'geographic' | 'global';
}

const id = /^[a-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9a-z]+)*$/;
const arns: Record<Form, RegExp> = {
  'foundation-model': id,
  'inference-profile': id,
  'application-inference-profile': /^[A-Za-z0-9.:-]+$/,
  'provisioned-model': /^[a-z0-9]{12}$/,
  'imported-model': /^[a-z0-9]{12}$/,
  'custom-model-deployment': /^[a-z0-9]{12}$/,
  'prompt-router': /^[A-Za-z0-9.:-]+$/,
  'default-prompt-router': /^[A-Za-z0-9.:-]+$/,
};

/**
 * The prefixes of Bedrock's inference profiles that stay within a geography, with the regions that one may contain. As
 * CrossRegionInferenceProfileRegion of @aws-cdk/aws-bedrock-alpha describes them, and wider where neighbours may follow.
 */
const regionsOf: Record<string, RegExp> = {
  us: /^(us-(?!gov-)|ca-|mx-)/,
  'us-gov': /^us-gov-/,
  eu: /^(eu-(?!isoe-)|il-)/,
  apac: /^(ap|me)-/,
  jp: /^ap-northeast-/,
  au: /^ap-southeast-/,
  ca: /^(ca|us)-/,
};
export const geographies = Object.keys(regionsOf);

/** Providers of models, with which a model's own id begins, of at most six letters. */
const shortProviders = ['amazon', 'cohere', 'google', 'luma', 'meta', 'nvidia', 'openai', 'qwen', 'writer', 'xai', 'zai'];

/** An id without an ARN that looks like a profile of a geography that is not known: `sa.amazon.…`. */
export function hasUnknownGeography({ arn, form, name }: ModelId): boolean {
  const [first, ...rest] = name.split('.');
  return !arn && form === 'foundation-model' && rest.length > 1 && /^[a-z]{2,6}$/.test(first!) && !shortProviders.includes(first!);
}

/** Returns `true` if this profile's prefix tells that it does not route to the region. */
export const isOutside = (profile: string, region: string): boolean =>
  regionsOf[profile.split('.')[0]!]?.test(region) === false;

/** Nothing for a text that is neither an id nor such an ARN. */
export function parseModelId(text: string): ModelId | undefined {
  if (id.test(text)) {
    const profile = ['global', ...geographies].includes(text.split('.')[0]!);
    return { form: profile ? 'inference-profile' : 'foundation-model', text, name: text };
  }
  const match = /^arn:aws[a-z-]*:bedrock:(?<region>[a-z0-9-]{1,20}):(?<account>\d{12})?:(?<form>[a-z-]+)\/(?<name>.+)$/.exec(text);
  const { region, account, form, name } = match?.groups ?? {};
  const known = Object.keys(arns).find((each) => each === form) as Form | undefined;
  if (!known || !arns[known].test(name!) || (account === undefined) !== (known === 'foundation-model')) return undefined;
  return { form: known, text, name: name!, arn: text, region };
}

/** A model's or a system-defined profile's id, also from its ARN. Nothing for any other form. */
export function sourceOf({ form, name }: ModelId): Source | undefined {
  if (form === 'foundation-model') return { id: name, model: name };
  if (form !== 'inference-profile') return undefined;
  const [geography, ...model] = name.split('.');
  return { id: name, model: model.join('.'), profile: geography === 'global' ? 'global' : 'geographic' };
}
