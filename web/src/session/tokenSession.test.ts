import { expect, test } from 'vitest';

import { tokenSession } from './tokenSession';

const jwt = (exp: number) => `h.${btoa(JSON.stringify({ exp })).replaceAll('+', '-').replaceAll('/', '_')}.s`;

/** A server that gives these tokens, one after the other. */
function server(...answers: (() => Response)[]) {
  let calls = 0;
  const fetcher = () => Promise.resolve((answers[calls++] ?? (() => new Response(null, { status: 500 })))());
  return { fetcher, calls: () => calls };
}

test('a token is kept until shortly before it expires', async () => {
  let now = 1_000_000;
  const first = jwt(now / 1000 + 3600);
  const { fetcher, calls } = server(
    () => Response.json({ token: first }),
    () => new Response('plain-text-token'),
  );
  const session = tokenSession('/session/token', fetcher, () => now);
  expect(await session.token()).toBe(first);
  expect(await session.token()).toBe(first);
  expect(calls()).toBe(1);
  now += 3_590_000;
  expect(await session.token()).toBe('plain-text-token');
});

test('requests at the same time ask for one token', async () => {
  const { fetcher, calls } = server(() => Response.json({ token: 'a' }));
  const session = tokenSession('/session/token', fetcher);
  await Promise.all([session.token(), session.token()]);
  expect(calls()).toBe(1);
});

test('a refused token is renewed, and the same one again is none', async () => {
  const { fetcher } = server(
    () => Response.json({ token: 'a' }),
    () => Response.json({ token: 'b' }),
    () => Response.json({ token: 'b' }),
  );
  const session = tokenSession('/session/token', fetcher);
  await session.token();
  expect(await session.renew()).toBe(true);
  expect(await session.renew()).toBe(false);
});

test('without a session there is a sign-in problem', async () => {
  const { fetcher } = server(() => new Response(null, { status: 401 }));
  await expect(tokenSession('/session/token', fetcher).token()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('of requests that were refused at the same time, the first one renews for all', async () => {
  const { fetcher, calls } = server(
    () => Response.json({ token: 'a' }),
    () => Response.json({ token: 'b' }),
    () => Response.json({ token: 'b' }),
  );
  const session = tokenSession('/session/token', fetcher);
  const refused = await session.token();
  expect(await session.renew(refused)).toBe(true);
  expect(await session.renew(refused)).toBe(true);
  expect(calls()).toBe(2);
  expect(await session.renew('b')).toBe(false);
});
