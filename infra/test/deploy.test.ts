import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, before, test } from 'node:test';
import { goalActivityApp } from '../lib/app';
import { infraDir } from '../lib/paths';
import { envOf, regionOf } from '../lib/target';

/** A stub of AWS for these programs: the caller identity, the lookup role, and the deployed template. */
class Aws {
  /** Each as `action key-id region`. */
  requests: string[] = [];
  template: object | undefined;
  mayAssume = true;
  private readonly server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += String(part); }).on('end', () => {
      const form = new URLSearchParams(body);
      const [, id, region] = /Credential=(\w+)\/\d+\/([\w-]+)\//.exec(request.headers.authorization ?? '') ?? [];
      this.requests.push(`${form.get('Action')} ${id} ${region}`);
      const [status, text] = this.response(form);
      response.writeHead(status, { 'content-type': 'text/xml' }).end(text);
    });
  });

  private response(form: URLSearchParams): [number, string] {
    const refused = (code: string, message: string): [number, string] =>
      [400, `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`];
    switch (form.get('Action')) {
      case 'GetCallerIdentity':
        return [200, '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/a</Arn><UserId>A</UserId>'
          + '<Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>'];
      case 'AssumeRole':
        if (!this.mayAssume) return refused('AccessDenied', 'not authorized to assume');
        return [200, '<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>LOOKUP</AccessKeyId><SecretAccessKey>s</SecretAccessKey>'
          + '<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>'];
      case 'GetTemplate': {
        if (!this.template) return refused('ValidationError', 'Stack with id goal-activity does not exist');
        const text = JSON.stringify(this.template).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
        return [200, `<GetTemplateResponse><GetTemplateResult><TemplateBody>${text}</TemplateBody></GetTemplateResult></GetTemplateResponse>`];
      }
      default:
        return refused('InvalidAction', `no ${form.get('Action')}`);
    }
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
  }
}

const aws = new Aws();
let endpoint = '';
const made = fs.mkdtempSync(path.join(os.tmpdir(), 'deploy-'));
before(async () => { endpoint = await aws.start(); });
after(() => {
  aws.stop();
  fs.rmSync(made, { recursive: true });
});

/** One of these programs, with nothing of the environment of this process but what is named. */
async function run(program: string, args: string[], env: Record<string, string>) {
  aws.requests = [];
  const child = spawn(process.execPath, [path.join(__dirname, '..', 'bin', program), ...args], {
    env: {
      PATH: process.env.PATH, HOME: made, AWS_ENDPOINT_URL: endpoint, AWS_EC2_METADATA_DISABLED: 'true', CI: 'true',
      AWS_CONFIG_FILE: path.join(made, 'config'), AWS_SHARED_CREDENTIALS_FILE: path.join(made, 'credentials'),
      CDK_DISABLE_CLI_TELEMETRY: 'true', ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => { output += String(part); });
  const status = await new Promise<number | null>((resolve) => { child.on('close', resolve); });
  return { status, output };
}

/** The folder of the app's cloud assembly with that context, and its template. */
function synthesized(context: Record<string, unknown>): { folder: string; template: object } {
  const folder = fs.mkdtempSync(path.join(made, 'assembly-'));
  const { app } = goalActivityApp({ outdir: folder, context: { functionsDir: 'test/functions', ...context } });
  return { folder, template: app.synth().stacks[0]!.template };
}

const keys = { AWS_ACCESS_KEY_ID: 'KEYS', AWS_SECRET_ACCESS_KEY: 's' };

test('a cloud assembly is compared with what is deployed, and read with the role for reading', async () => {
  const [old, next] = [synthesized({ logLevel: 'warn' }), synthesized({ logLevel: 'debug' })];
  aws.template = old.template;
  const compare = (...args: string[]) => run('compare-settings.js', [next.folder, ...args], { ...keys, AWS_DEFAULT_REGION: 'eu-west-1' });
  const refused = await compare();
  assert.equal(refused.status, 2, refused.output);
  assert.match(refused.output, /^goal-activity in account 111122223333, region eu-west-1, no environment\n.*\n {2}logLevel: warn -> debug\n.*--change logLevel\b/m);
  assert.deepEqual(aws.requests, ['GetCallerIdentity KEYS eu-west-1', 'AssumeRole KEYS eu-west-1', 'GetTemplate LOOKUP eu-west-1']);
  const allowed = await compare('--change', 'logLevel');
  assert.deepEqual([allowed.status, /logLevel: warn -> debug/.test(allowed.output)], [0, true]);

  aws.mayAssume = false;
  assert.equal((await compare()).status, 2);
  assert.equal(aws.requests.at(-1), 'GetTemplate KEYS eu-west-1');
  aws.mayAssume = true;
  aws.template = undefined;
  assert.equal((await compare()).status, 2);
  assert.equal((await compare('--change', 'new')).status, 0);
});

test('region and credentials are those that the CDK CLI finds', async () => {
  fs.writeFileSync(path.join(made, 'credentials'), '[other]\naws_access_key_id = OTHER\naws_secret_access_key = s\n');
  fs.writeFileSync(path.join(made, 'config'), '[profile other]\nregion = eu-north-1\n');
  const { folder, template } = synthesized({});
  aws.template = template;
  const first = async (env: Record<string, string>, ...args: string[]) => {
    const { status, output } = await run('compare-settings.js', [folder, ...args], env);
    return status === 0 ? aws.requests[0] : output;
  };
  assert.equal(await first({ ...keys, AWS_PROFILE: 'other' }), 'GetCallerIdentity KEYS eu-north-1');
  assert.equal(await first({ ...keys, AWS_DEFAULT_REGION: 'eu-west-1' }, '--profile', 'other'), 'GetCallerIdentity OTHER eu-west-1');
  assert.equal(await first({ AWS_DEFAULT_PROFILE: 'other' }), 'GetCallerIdentity OTHER eu-north-1');
  assert.equal(await first({ ...keys, AWS_REGION: 'eu-west-2', AWS_DEFAULT_REGION: 'eu-west-1' }, '--region', 'eu-west-3'), 'GetCallerIdentity KEYS eu-west-3');
  assert.match(String(await first(keys)), /^no region: set AWS_REGION, or give --region\n$/);
  assert.equal(await regionOf({ AMAZON_REGION: 'eu-west-2', AWS_DEFAULT_REGION: 'eu-west-1' }), 'eu-west-2');
});

test('the CDK CLI gets this target and no other', () => {
  const target = { partition: 'aws', account: '111122223333', region: 'eu-west-1', credentials: { accessKeyId: 'A', secretAccessKey: 's' } };
  assert.deepEqual(envOf(target, { PATH: 'p', AWS_PROFILE: 'x', AWS_DEFAULT_PROFILE: 'x', AMAZON_REGION: 'x', AWS_SESSION_TOKEN: 'of another', AWS_REGION: 'x' }), {
    PATH: 'p', AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 's',
  });
});

test('a deployment is compared with all of its context, and not made where something is not named', async () => {
  // A user's own file for every CDK app.
  fs.writeFileSync(path.join(made, '.cdk.json'), JSON.stringify({ context: { concurrentBatches: '7' } }));
  aws.template = synthesized({}).template;
  const folder = path.join(made, 'cdk.out');
  const { status, output } = await run('deploy.js', ['-c', 'functionsDir=test/functions', '-c=logLevel=trace', '--no-validation', '--output', folder], {
    ...keys, AWS_DEFAULT_REGION: 'eu-west-1',
  });
  assert.equal(status, 2, output);
  assert.match(output, /concurrentBatches: not set -> 7\n {2}logLevel: not set -> trace\n.*--change concurrentBatches --change logLevel\./);
  assert.deepEqual([...new Set(aws.requests.map((each) => each.split(' ')[0]))], ['GetCallerIdentity', 'AssumeRole', 'GetTemplate']);
  assert.ok(aws.requests.every((each) => each.endsWith(' eu-west-1')), aws.requests.join(', '));
  fs.rmSync(path.join(made, '.cdk.json'));
});

test('an option of the CDK CLI that is hidden in a variable deploys nothing', async () => {
  for (const [name, value] of [['CDK_HOTSWAP', 'true'], ['CDK_METHOD', 'execute-change-set'], ['CDK_CONTEXT', 'logLevel=trace'], ['CDK_PROFILE', 'x'], ['CDK_hotswap', '1']] as const) {
    const { status, output } = await run('deploy.js', ['-c', 'functionsDir=test/functions'], { ...keys, AWS_REGION: 'eu-west-1', [name]: value });
    assert.deepEqual([status, output.includes(`${name}: the CDK CLI takes it as an option`)], [2, true], output);
    assert.deepEqual(aws.requests, []);
  }
});

test('a workflow deploys only what it has compared, and functions of its own commit', () => {
  const folder = path.join(infraDir, '..', '.github', 'workflows');
  const jobs = fs.readdirSync(folder).flatMap((name) => fs.readFileSync(path.join(folder, name), 'utf8').split(/^ {2}(?=[\w-]+:$)/m));
  const [deploying, verifying] = [/run: .*\bcdk (deploy|diff)\b|^ +npx .*\bcdk (deploy|diff)\b/m, /gh attestation verify/].map((text) => jobs.filter((job) => text.test(job)));
  assert.equal(deploying?.length, 2);
  for (const job of deploying ?? []) {
    const [compared, cdk] = [/compare-settings\.js .*--change=\$CHANGE/, /cdk (deploy|diff)\b/].map((text) => job.search(text));
    assert.ok(compared !== -1 && compared! < cdk!, job);
  }
  assert.equal(verifying?.length, 1);
  assert.match(verifying?.[0] ?? '', /gh attestation verify[^\n]*\\\n[^\n]*--source-digest "\$GITHUB_SHA"/);
});
