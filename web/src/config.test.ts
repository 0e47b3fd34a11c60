import { expect, test } from 'vitest';

import { parseConfig } from './config';

test('both kinds of sign-in are read', () => {
  expect(parseConfig({ api: '/api/', signIn: { kind: 'token', url: '/session/token' } })).toEqual({
    api: '/api',
    signIn: { kind: 'token', url: '/session/token' },
  });
  const signIn = { kind: 'oidc', authority: 'https://issuer.example', clientId: 'c', scope: 'openid api/use' };
  expect(parseConfig({ api: 'https://api.example/api', signIn })).toEqual({ api: 'https://api.example/api', signIn });
  const more = { ...signIn, audience: 'https://goals.example', logoutUrl: 'https://issuer.example/logout' };
  expect(parseConfig({ api: '/api', signIn: more }).signIn).toEqual(more);
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
