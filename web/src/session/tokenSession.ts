import { Problem } from '../api/Problem';
import type { Session } from './Session';

const EARLY_MS = 30_000;

interface TokenAnswer {
  token: string;
  expiresInSeconds?: number;
}

/** A session whose tokens a server on this machine gives out. */
export function tokenSession(url: string, fetcher: typeof fetch = fetch, now: () => number = Date.now): Session {
  let current: { token: string; until: number } | undefined;
  let pending: Promise<string> | undefined;

  async function request(): Promise<string> {
    const response = await fetcher(url, { cache: 'no-store' }).catch((error: unknown) => {
      throw Problem.of(error);
    });
    if (response.status === 401 || response.status === 403)
      throw new Problem('UNAUTHENTICATED', { status: response.status });
    if (!response.ok) throw new Problem(`HTTP_${response.status}`, { status: response.status });
    const { token, expiresInSeconds } = await read(response);
    current = { token, until: now() + (expiresInSeconds ?? secondsOf(token, now())) * 1000 - EARLY_MS };
    return token;
  }

  const fresh = (): Promise<string> =>
    (pending ??= request().finally(() => {
      pending = undefined;
    }));

  return {
    token: () => (current && now() < current.until ? Promise.resolve(current.token) : fresh()),
    async renew(refused = current?.token) {
      // Of several requests that were refused, the first one renews.
      if (current && current.token !== refused) return true;
      current = undefined;
      return (await fresh()) !== refused;
    },
    async signIn() {
      current = undefined;
      await fresh();
    },
  };
}

/** The answer is the token as text, or JSON with `token` (or `access_token`) and when it expires. */
async function read(response: Response): Promise<TokenAnswer> {
  const text = (await response.text()).trim();
  if (!text.startsWith('{')) return { token: text };
  const answer = JSON.parse(text) as Record<string, unknown>;
  const token = answer['token'] ?? answer['access_token'];
  if (typeof token !== 'string') throw new Problem('UNAUTHENTICATED', { detail: 'the answer has no token' });
  const seconds = answer['expiresInSeconds'] ?? answer['expiresIn'] ?? answer['expires_in'];
  return typeof seconds === 'number' ? { token, expiresInSeconds: seconds } : { token };
}

/** How long a JWT is still valid. One that cannot be read is used until it is refused. */
function secondsOf(token: string, now: number): number {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    return typeof exp === 'number' ? exp - now / 1000 : Infinity;
  } catch {
    return Infinity;
  }
}
