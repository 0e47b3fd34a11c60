import type { Stack } from 'aws-cdk-lib';
import { CloudAssembly } from 'aws-cdk-lib/cx-api';
import type { Given } from './given';
import { METADATA, readNoted } from './in-force';
import { SettingsError } from './settings-error';

/** What a synthesized app says about itself. */
export interface Assembly {
  readonly stackName: string;
  readonly given: Given;
  /** Where the CDK CLI would have deployed it when it was synthesized, if it had credentials. */
  readonly target?: CliTarget;
  /** The role of the bootstrap that may read, with placeholders. */
  readonly lookupRole?: string;
}

export interface CliTarget {
  readonly account: string;
  readonly region: string;
}

const TARGET = 'goal-activity:target';

/** Notes where the CDK CLI would deploy to. Beside the template, as that is the same everywhere. */
export function noteTarget(stack: Stack, { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env): void {
  if (account && region) stack.node.addMetadata(TARGET, { account, region } satisfies CliTarget);
}

/** Reads a cloud assembly, by what its template says and not by what was given to make it. */
export function readAssembly(folder: string): Assembly {
  const [stack, ...others] = new CloudAssembly(folder).stacks;
  const given = readNoted(stack?.template.Metadata?.[METADATA]);
  if (stack === undefined || others.length > 0 || given === undefined || 'former' in given) {
    throw new SettingsError(`${folder}: not a cloud assembly of this version's app; synthesize it again`);
  }
  const [target] = stack.findMetadataByType(TARGET);
  return {
    stackName: stack.stackName,
    given,
    ...(target && { target: target.data as unknown as CliTarget }),
    ...(stack.lookupRole && { lookupRole: stack.lookupRole.arn }),
  };
}
