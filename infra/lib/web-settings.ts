import * as path from 'node:path';
import type { Reader } from './context-reader';
import { infraDir } from './paths';
import { SettingsError } from './settings-error';
import { isOrigin } from './web-address';

/** Settings of the web page, for a deployment that has it. */
export interface WebSettings {
  /** The built page: `index.html`, and files with a hash in their name in `assets`. Absolute. */
  readonly dir: string;
  /** A name of the page's own, and the certificate for it. */
  readonly domain?: { readonly name: string; readonly certificateArn: string };
  /** The page's client at another issuer of tokens. The stack's own user pool has one. */
  readonly clientId?: string;
  /** Origins that the page calls to sign in, besides that issuer's. */
  readonly connectSources: string[];
  /** For what that issuer is to issue tokens, where it has to be asked: by its own parameter, or as RFC 8707 names it. */
  readonly audience?: string;
  readonly resource?: string;
}

/** The keys of these settings. */
export const webKeys = {
  web: true, webDir: true, webDomain: true, webCertificateArn: true, webClientId: true, webConnectSources: true, webAudience: true,
  webResource: true,
} as const;

type Key = keyof typeof webKeys | 'oidcIssuer';

/** Of a client at another issuer. */
const clientKeys = ['webClientId', 'webConnectSources', 'webAudience', 'webResource'] as const;

/** Nothing without `web=true`. */
export function readWeb(read: Reader<Key>, context: Readonly<Record<string, unknown>>, local: boolean): WebSettings | undefined {
  const enabled = read.flag('web');
  // Where the page is means nothing by itself, like the folder of the functions.
  const idle = (['webDomain', 'webCertificateArn', ...clientKeys] as const).filter((key) => context[key] !== undefined);
  if (!enabled && idle.length > 0) throw new SettingsError(`context ${idle.join(', ')}: only with web=true`);
  if (!enabled) return undefined;
  if (local) throw new SettingsError('context web: not with local=true, as the emulator has CloudFront by name only and serves nothing with it');
  const clientId = read.text('webClientId', /^\S+$/, 'a client id');
  const connectSources = read.list('webConnectSources', (each) => each.startsWith('https://') && isOrigin(each),
    'origins as browsers write them, such as https://login.example, comma-separated');
  const audience = read.text('webAudience', /^\S+$/, 'what the issuer knows the API by');
  const resource = read.text('webResource', /^[A-Za-z][A-Za-z0-9+.-]*:[^\s#]+$/, 'an absolute URI without a fragment');
  const ofClient = clientKeys.filter((key) => context[key] !== undefined);
  if (context.oidcIssuer === undefined && ofClient.length > 0) {
    throw new SettingsError(`context ${ofClient.join(', ')}: only with oidcIssuer, as the user pool has a client for the page`);
  }
  if (context.oidcIssuer !== undefined && clientId === undefined) {
    throw new SettingsError('context webClientId is missing: with web=true and oidcIssuer it is the id of a public client at that issuer '
      + 'which may send a sign-in to the URL of the page');
  }
  return {
    dir: path.resolve(infraDir, read.text('webDir', /./, 'a path') ?? '../web/dist'),
    domain: readDomain(read),
    clientId,
    connectSources: connectSources ?? [],
    ...(audience !== undefined && { audience }),
    ...(resource !== undefined && { resource }),
  };
}

const hostName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

function readDomain(read: Reader<Key>): WebSettings['domain'] {
  const name = read.text('webDomain', hostName, 'the name of a host in lower case, such as goals.example.com');
  const certificateArn = read.text('webCertificateArn', /^arn:aws:acm:us-east-1:\d{12}:certificate\/[\w-]+$/,
    'the ARN of a certificate in us-east-1, wherever the stack is: CloudFront takes no other');
  if (name !== undefined && certificateArn !== undefined) return { name, certificateArn };
  if ((name ?? certificateArn) === undefined) return undefined;
  throw new SettingsError('context webDomain and webCertificateArn belong together: give both or neither');
}
