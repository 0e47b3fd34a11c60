import { createHash } from 'node:crypto';

import type { BrowserContext } from 'playwright-core';

import type { OidcConfig } from '../../src/config';
import { url } from './visitor';

/** What an issuer has seen and given. */
export interface Issuer {
  authority: string;
  /** The access tokens that it has given, in their order. */
  tokens: string[];
  authorizations: URLSearchParams[];
  grants: URLSearchParams[];
  revoked: number;
  signedOut: number;
  /** Whether it still accepts its refresh tokens. Each can be used once. */
  refreshes: boolean;
  /** Whether it gives any. */
  gives: boolean;
  /** What happens to a refresh meanwhile. */
  before: (refresh: string) => Promise<unknown>;
}

const NAME = '/issuer';

/** An OpenID Connect issuer in the network of the browser, and a configuration of the page that names it, with `more`. */
export async function issuer(context: BrowserContext, more: Partial<OidcConfig> = {}): Promise<Issuer> {
  const authority = `${url}${NAME}`;
  const state: Issuer = {
    ...{
      authority,
      tokens: [],
      authorizations: [],
      grants: [],
      revoked: 0,
      signedOut: 0,
      refreshes: true,
      gives: true,
    },
    before: () => Promise.resolve(),
  };
  const signIn = {
    kind: 'oidc',
    authority,
    clientId: 'page',
    scope: 'openid goals/use',
    audience: 'goals-api',
    ...more,
  };
  await context.route('**/config.json', route => route.fulfill({ json: { api: '/api', signIn } }));
  await context.route(`**${NAME}/**`, async route => {
    const request = route.request();
    const { pathname, searchParams } = new URL(request.url());
    switch (pathname.slice(NAME.length)) {
      case '/.well-known/openid-configuration':
        return route.fulfill({
          json: {
            issuer: authority,
            authorization_endpoint: `${authority}/authorize`,
            token_endpoint: `${authority}/token`,
            revocation_endpoint: `${authority}/revoke`,
            end_session_endpoint: `${authority}/logout`,
            jwks_uri: `${authority}/keys`,
          },
        });
      case '/authorize': {
        state.authorizations.push(searchParams);
        const back = new URL(searchParams.get('redirect_uri') ?? '');
        back.searchParams.set('code', 'a-code');
        back.searchParams.set('state', searchParams.get('state') ?? '');
        return route.fulfill({ status: 302, headers: { location: back.href } });
      }
      case '/token': {
        const grant = new URLSearchParams(request.postData() ?? '');
        state.grants.push(grant);
        const refresh = grant.get('refresh_token');
        if (refresh !== null) await state.before(refresh);
        if (refresh !== null && (!state.refreshes || refresh !== `refresh-${state.tokens.length}`)) {
          return route.fulfill({ status: 400, json: { error: 'invalid_grant' } });
        }
        const token = `access-${state.tokens.length + 1}`;
        state.tokens.push(token);
        const refresh_token = `refresh-${state.tokens.length}`;
        const tokens = { access_token: token, ...(state.gives && { refresh_token }), id_token: idToken(authority) };
        return route.fulfill({ json: { ...tokens, token_type: 'Bearer', expires_in: 3600, scope: signIn.scope } });
      }
      case '/revoke':
        state.revoked += 1;
        return route.fulfill({ status: 200 });
      case '/logout':
        state.signedOut += 1;
        return route.fulfill({ contentType: 'text/html', body: '<h1>Signed out</h1>' });
      default:
        return route.fulfill({ status: 404 });
    }
  });
  return state;
}

/** The code challenge of a verifier (PKCE). */
export const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url');

/** Only its claims are read: it comes straight from the issuer. */
function idToken(iss: string): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ iss, aud: 'page', sub: 'user-1', iat: now, exp: now + 3600 })}.${part({})}`;
}
