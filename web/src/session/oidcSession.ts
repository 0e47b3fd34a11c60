import { InMemoryWebStorage, UserManager, WebStorageStateStore } from 'oidc-client-ts';

import { Problem } from '../api/Problem';
import type { OidcConfig } from '../config';
import type { Session } from './Session';

/** Says that this tab was signed in, so that a reload goes through the issuer without a question. Holds no token. */
const SIGNED_IN = 'signed-in';

/** A session at an OpenID Connect issuer: authorization code with PKCE. The tokens stay in memory. */
export async function oidcSession(config: OidcConfig): Promise<Session> {
  const page = `${location.origin}/`;
  const manager = new UserManager({
    authority: config.authority,
    client_id: config.clientId,
    scope: config.scope,
    redirect_uri: page,
    post_logout_redirect_uri: page,
    response_type: 'code',
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    automaticSilentRenew: true,
  });

  const signIn = () => manager.signinRedirect({ state: location.hash });

  const parameters = new URLSearchParams(location.search);
  if (parameters.has('state') && (parameters.has('code') || parameters.has('error'))) {
    const here = (hash: string) => history.replaceState(null, '', `/${hash}`);
    try {
      const user = await manager.signinRedirectCallback();
      sessionStorage.setItem(SIGNED_IN, '1');
      here(typeof user.state === 'string' ? user.state : '');
    } catch {
      // Refused, or an old address: the page asks for a new sign-in.
      sessionStorage.removeItem(SIGNED_IN);
      here('');
    }
  } else if (sessionStorage.getItem(SIGNED_IN)) {
    await signIn();
    await new Promise(() => undefined);
  }

  const none = () => new Problem('UNAUTHENTICATED', { status: 401 });
  return {
    async token() {
      const user = await manager.getUser();
      if (!user) throw none();
      if (!user.expired) return user.access_token;
      const renewed = await manager.signinSilent().catch(() => null);
      if (!renewed) throw none();
      return renewed.access_token;
    },
    async renew() {
      if (!(await manager.getUser())) return false;
      return (await manager.signinSilent().catch(() => null)) !== null;
    },
    signIn,
    async signOut() {
      sessionStorage.removeItem(SIGNED_IN);
      await manager.revokeTokens(['refresh_token']).catch(() => undefined);
      if (config.logoutUrl) {
        await manager.removeUser();
        location.assign(config.logoutUrl);
      } else {
        await manager.signoutRedirect();
      }
    },
  };
}
