import { Annotations } from 'aws-cdk-lib';
import type { Generator, Generators } from '../generator-settings';
import type { OperationSettings } from '../operation-settings';
import type { RustFunction } from '../rust-function';
import { azureDeployment, isInternal, isLoopback } from './address';
import { type Prefix, prefixed } from './keys';

/** Where the worker runs. */
export type Place = Pick<OperationSettings, 'vpc'> & { readonly local: boolean };

/** Settings that are valid, and that may not do what was meant: shown when the app is synthesized. */
export function annotate(worker: RustFunction, { generator, fallback, local, vpc }: Generators & Place): void {
  const annotations = Annotations.of(worker);
  if (fallback?.kind === 'offline' && !local) {
    annotations.addWarningV2('goal-activity:offline-fallback',
      'fallback=offline: when the AI fails, users get placeholder tasks that no AI has made');
  }
  const place = { local, vpc };
  annotateOne(annotations, generator, '', place);
  if (fallback) annotateOne(annotations, fallback, 'fallback', place);
}

function annotateOne(annotations: Annotations, generator: Generator, prefix: Prefix, { local, vpc }: Place): void {
  if (generator.kind !== 'openai') return;
  const { baseUrl } = generator;
  const url = prefixed(prefix, 'openaiBaseUrl');
  if (!local && isLoopback(baseUrl)) {
    annotations.addWarningV2(`goal-activity:internal-${url}`,
      `${url}=${baseUrl}: there the worker reaches only itself; localhost is for a local stack`);
  } else if (!local && !vpc && isInternal(baseUrl)) {
    annotations.addWarningV2(`goal-activity:internal-${url}`,
      `${url}=${baseUrl}: the worker is in no VPC and does not reach a private address, only public ones: set vpcId, subnets and `
      + 'securityGroups');
  }
  if (azureDeployment(baseUrl)) {
    const { origin, pathname } = new URL(baseUrl);
    annotations.addInfoV2(`goal-activity:azure-v1-${url}`,
      `${url}=${origin}/openai/v1 takes the same requests as ${baseUrl}, without an api-version. There the name of the deployment, `
      + `${pathname.split('/')[3]}, is ${prefixed(prefix, 'openaiModel')}`);
  }
}
