import type { SignIn } from '../config';
import type { Session } from './Session';
import { tokenSession } from './tokenSession';

/** The session of the kind that the configuration names. */
export async function openSession(signIn: SignIn): Promise<Session> {
  if (signIn.kind === 'token') return tokenSession(signIn.url);
  const { oidcSession } = await import('./oidcSession');
  return oidcSession(signIn);
}
