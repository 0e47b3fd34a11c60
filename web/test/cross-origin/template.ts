/** What the template of a deployment says about other origins. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** `CorsConfiguration` of an `AWS::ApiGatewayV2::Api`. */
export interface Cors {
  AllowOrigins: string[];
  AllowMethods: string[];
  AllowHeaders: string[];
  ExposeHeaders: string[];
  AllowCredentials?: boolean;
  MaxAge: number;
}

/** The settings of infra/README.md. */
export type Settings = Partial<Record<'corsOrigins' | 'corsHeaders' | 'corsCredentials', string>>;

const INFRA = '../infra';

/** Synthesizes the CDK app with each context: its libraries take longer to load than all of that. */
const SYNTHESIZE = `
  const { Template } = require('aws-cdk-lib/assertions');
  const { goalActivityApp } = require('./build/lib/app');
  const found = JSON.parse(process.argv[1]).map((context) => {
    const { stack } = goalActivityApp({ context: { functionsDir: 'test/functions', ...context } });
    return Object.values(Template.fromStack(stack).findResources('AWS::ApiGatewayV2::Api'));
  });
  process.stdout.write(JSON.stringify(found));
`;

/** The configuration that the CDK app makes of each of these settings; nothing where no other origin may call the API. */
export async function corsOf<Name extends string>(all: Record<Name, Settings>): Promise<Map<Name, Cors | undefined>> {
  const run = (...command: string[]) => promisify(execFile)(process.execPath, command, { cwd: INFRA });
  await run('node_modules/typescript/bin/tsc');
  const { stdout } = await run('-e', SYNTHESIZE, JSON.stringify(Object.values(all)));
  const apis = JSON.parse(stdout) as { Properties: { CorsConfiguration?: Cors } }[][];
  const names = Object.keys(all) as Name[];
  return new Map(
    names.map((name, number) => {
      const [api, ...others] = apis[number] ?? [];
      if (!api || others.length > 0) throw new Error(`the template of ${name} has not one HTTP API`);
      return [name, api.Properties.CorsConfiguration];
    }),
  );
}
