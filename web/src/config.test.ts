import { expect, test } from 'vitest';

import { parseConfig } from './config';

test('both kinds of sign-in are read', () => {
  expect(parseConfig({ api: '/api/', signIn: { kind: 'token', url: '/session/token' } })).toEqual({
    api: '/api',
    signIn: { kind: 'token', url: '/session/token' },
  });
  const signIn = { kind: 'oidc', authority: 'https://issuer.example', clientId: 'c', scope: 'openid api/use' };
  expect(parseConfig({ api: 'https://api.example/api', signIn })).toEqual({ api: 'https://api.example/api', signIn });
  const full = { ...signIn, logoutUrl: 'https://issuer.example/out', audience: 'goals', resource: 'urn:goals' };
  expect(parseConfig({ api: '/api', signIn: { ...full, other: 1 } }).signIn).toEqual(full);
});

test.each([
  [null],
  [{ api: '/api' }],
  [{ api: '', signIn: { kind: 'token', url: '/x' } }],
  [{ api: '/api', signIn: { kind: 'password' } }],
  [{ api: '/api', signIn: { kind: 'oidc', authority: 'https://issuer.example' } }],
])('what is no configuration is refused: %j', value => {
  expect(() => parseConfig(value)).toThrow('/config.json');
});
