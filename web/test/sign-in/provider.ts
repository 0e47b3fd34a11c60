import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';

import Provider, { errors } from 'oidc-provider';

/** What the API asks of a token: `oidcAudience` and `oidcScopes` of the stack. */
export const AUDIENCE = 'goal-activity';
export const SCOPE = 'goals';
export const CLIENT = 'goal-activity-page';

/** Short, so that a test sees renewals. In seconds. */
const TOKEN_LIFETIME = 5;

export interface Issuer {
  readonly url: string;
  /** How often a refresh token was exchanged. */
  renewals: () => number;
  /** How often a token was revoked. */
  revocations: () => number;
  close: () => Promise<void>;
}

/**
 * Starts an OpenID provider that nobody of this project wrote, with its own sign-in pages: any name and password are accepted.
 * The API verifies its tokens by its discovery document and keys.
 */
export async function startIssuer(port: number, page: string): Promise<Issuer> {
  const url = `http://127.0.0.1:${port}`;
  const provider = new Provider(url, {
    clients: [
      {
        client_id: CLIENT,
        token_endpoint_auth_method: 'none',
        redirect_uris: [page],
        post_logout_redirect_uris: [page],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    scopes: ['openid', 'offline_access'],
    clientBasedCORS: () => true,
    issueRefreshToken: () => Promise.resolve(true),
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    cookies: { keys: ['only for tests'] },
    features: {
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => {
          if (resource !== AUDIENCE_URI) throw new errors.InvalidTarget();
          return {
            scope: SCOPE,
            audience: AUDIENCE,
            accessTokenFormat: 'jwt',
            accessTokenTTL: TOKEN_LIFETIME,
            jwt: { sign: { alg: 'RS256' } },
          };
        },
      },
    },
  });
  let renewals = 0;
  let revocations = 0;
  provider.on('grant.success', context => {
    if (context.oidc.params?.['grant_type'] === 'refresh_token') renewals += 1;
  });
  provider.on('refresh_token.destroyed', () => (revocations += 1));
  const handle = provider.callback();
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, '127.0.0.1', listening);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    renewals: () => renewals,
    revocations: () => revocations,
    close: () =>
      new Promise(closed => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

/** Resource indicators are URIs (RFC 8707). */
const AUDIENCE_URI = `urn:${AUDIENCE}`;
