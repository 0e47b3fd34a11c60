export interface TokenConfig {
  kind: 'token';
  /** Gives a token of the user of this machine. */
  url: string;
}

export interface OidcConfig {
  kind: 'oidc';
  authority: string;
  clientId: string;
  scope: string;
  /** Where the issuer ends its own session, with all parameters. Without it, its `end_session_endpoint` is used. */
  logoutUrl?: string;
  /** For what the token is, where the issuer has to be told: by a parameter of its own, as Auth0, or by RFC 8707. */
  audience?: string;
  resource?: string;
}

export type SignIn = TokenConfig | OidcConfig;

const OPTIONAL = ['logoutUrl', 'audience', 'resource'] as const;

/** What a deployment says to the page, in `/config.json`. */
export interface Config {
  /** The URL of the API, up to and with `/api`. */
  api: string;
  signIn: SignIn;
}

/** Reads the configuration. Rejects where there is none, or where it is not one. */
export async function readConfig(fetcher: typeof fetch = fetch): Promise<Config> {
  const response = await fetcher('/config.json', { cache: 'no-cache' });
  if (!response.ok) throw new Error(`/config.json: ${response.status}`);
  return parseConfig(await response.json());
}

export function parseConfig(value: unknown): Config {
  const config = record(value);
  const signIn = record(config['signIn']);
  const api = text(config, 'api').replace(/\/$/, '');
  switch (signIn['kind']) {
    case 'token':
      return { api, signIn: { kind: 'token', url: text(signIn, 'url') } };
    case 'oidc': {
      const [authority, clientId, scope] = [text(signIn, 'authority'), text(signIn, 'clientId'), text(signIn, 'scope')];
      const oidc: OidcConfig = { kind: 'oidc', authority, clientId, scope };
      for (const name of OPTIONAL) if (typeof signIn[name] === 'string') oidc[name] = signIn[name];
      return { api, signIn: oidc };
    }
    default:
      throw new Error('/config.json: signIn.kind is neither token nor oidc');
  }
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('/config.json: not an object');
  return value as Record<string, unknown>;
}

function text(from: Record<string, unknown>, name: string): string {
  const value = from[name];
  if (typeof value !== 'string' || value === '') throw new Error(`/config.json: ${name} is missing`);
  return value;
}
