import type { Assembly } from './assembly';
import type { Deployed } from './deployed';
import { type Change, changes, changesOfFormer } from './in-force';
import { isKey, readSettings } from './settings';
import type { Target } from './target';

/** What a comparison says, and whether the deployment may go on. */
export interface Verdict {
  readonly allowed: boolean;
  readonly lines: string[];
}

/** The name with which a deployment over unknown settings is allowed. */
const UNKNOWN = 'unknown';
/** The name with which a stack is created. */
const NEW = 'new';

/** Compares what an assembly was given with what is in force. Every change is listed, and only a named one is allowed. */
export function judge(assembly: Assembly, target: Pick<Target, 'account' | 'region'>, deployed: Deployed, change: readonly string[]): Verdict {
  const { stackName, given: { environment } } = assembly;
  const where = `${stackName} in account ${target.account}, region ${target.region}, ${environment ? `environment ${environment}` : 'no environment'}`;
  const refused = (...lines: string[]): Verdict => ({ allowed: false, lines: [where, ...lines, 'Nothing was deployed.'] });
  const cli = assembly.target;
  if (cli && (cli.account !== target.account || cli.region !== target.region)) {
    return refused(`The CDK CLI would deploy to account ${cli.account}, region ${cli.region}: something else names them, such as ~/.cdk.json.`);
  }
  const { found, notes } = compare(assembly, deployed);
  const listed = [...notes, ...(found.length > 0 ? ['What would change:', ...found.map(line)] : [])];
  const wrong = change.filter((name) => !found.some(({ key }) => key === name));
  if (wrong.length > 0) return refused(...listed, ...wrong.map((name) => misnamed(name)));
  const unnamed = found.filter(({ key }) => !change.includes(key)).map(({ key }) => `--change ${key}`);
  if (unnamed.length > 0) return refused(...listed, advice(unnamed));
  return { allowed: true, lines: [where, ...listed] };
}

function compare({ given, stackName }: Assembly, deployed: Deployed): { found: Change[]; notes: string[] } {
  if (deployed === 'new') return { found: [{ key: NEW, from: undefined, to: stackName }], notes: ['It is a new stack.'] };
  if (deployed === 'unknown') {
    const note = 'The deployed version does not say which settings it was made with. Compare them by hand, this once.';
    return { found: [{ key: UNKNOWN, from: 'unknown', to: given.context }], notes: [note] };
  }
  if ('former' in deployed) {
    const note = 'The deployed version noted its settings in another form, some as groups, and no environment: they are compared like that, this once.';
    return { found: changesOfFormer(deployed, readSettings(given.context)), notes: [note] };
  }
  const found = changes(deployed, given);
  return { found, notes: found.length === 0 ? ['No setting changes.'] : [] };
}

const advice = (unnamed: string[]): string => (unnamed.includes(`--change ${NEW}`)
  ? `To create it: --change ${NEW}. For one that is there, name it: -c environment=<name>, or -c stackName=<name>, and its region.`
  : `To change it: ${unnamed.join(' ')}. To keep it, give it as before.`);

const line = ({ key, from, to }: Change): string => `  ${key}: ${value(from)} -> ${value(to)}`;
const value = (given: unknown): string => (given === undefined ? 'not set' : typeof given === 'string' ? given : JSON.stringify(given));

const misnamed = (name: string): string => {
  if (name === NEW) return `--change ${NEW}: the stack is there already; leave it out.`;
  return isKey(name) || name === 'environment' ? `--change ${name}: it does not change; leave it out.` : `--change ${name}: there is no such setting.`;
};
