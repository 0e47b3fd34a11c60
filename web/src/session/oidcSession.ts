import { ErrorResponse, InMemoryWebStorage, type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';

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
    ...(config.audience !== undefined && { extraQueryParams: { audience: config.audience } }),
    userStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }),
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
    // By `renewed`, which it does not know of.
    automaticSilentRenew: false,
    ...(config.resource !== undefined && { resource: config.resource }),
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

  async function renew(): Promise<User> {
    // Without one there would be a frame of the issuer, which the page's policy forbids.
    if (!(await manager.getUser())?.refresh_token) throw none();
    try {
      const user = await manager.signinSilent();
      if (user) return user;
    } catch (error) {
      console.warn(`the sign-in was not renewed: ${String(error)}`);
      // Only the issuer itself ends a session, and not by being out of reach.
      if (!(error instanceof ErrorResponse)) throw Problem.of(error);
    }
    throw none();
  }

  let renewal: Promise<User> | undefined;
  /** One at a time: an issuer may take a refresh token that is used twice for a stolen one. */
  const renewed = () =>
    (renewal ??= renew().finally(() => {
      renewal = undefined;
    }));
  manager.events.addAccessTokenExpiring(() => void renewed().catch(() => undefined));

  // Who leaves a computer signs out once, and not in each tab.
  const others = new BroadcastChannel('signed-out');
  others.addEventListener('message', () => {
    sessionStorage.removeItem(SIGNED_IN);
    location.reload();
  });

  return {
    async token() {
      const user = await manager.getUser();
      if (!user) throw none();
      return (user.expired ? await renewed() : user).access_token;
    },
    async renew(refused) {
      const user = await manager.getUser();
      if (!user) return false;
      if (user.access_token === refused) await renewed();
      return true;
    },
    signIn,
    async signOut() {
      sessionStorage.removeItem(SIGNED_IN);
      others.postMessage(null);
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
