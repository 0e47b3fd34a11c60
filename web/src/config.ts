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
  /** For which API the token is to be: issuers such as Auth0 give none for an API without it. */
  audience?: string;
  /** Where the issuer ends its own session, with all parameters. Without it, its `end_session_endpoint` is used. */
  logoutUrl?: string;
}

export type SignIn = TokenConfig | OidcConfig;

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
      const { audience, logoutUrl } = signIn;
      const optional = {
        ...(typeof audience === 'string' && { audience }),
        ...(typeof logoutUrl === 'string' && { logoutUrl }),
      };
      return { api, signIn: { kind: 'oidc', authority, clientId, scope, ...optional } };
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
