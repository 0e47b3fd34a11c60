/**
 * The parts of an absolute http or https address, as browsers and AWS read it. Nothing for anything else: without a host, with a
 * port that there is not, with a user or a password, which would be a secret in the template and may hide the real host.
 */
export function webAddress(text: string): URL | undefined {
  const written = /^https?:\/\/[^/?#@]+([/?#].*)?$/.test(text) && /^[!-~]+$/.test(text) && !/[\\*]/.test(text);
  return written && URL.canParse(text) ? new URL(text) : undefined;
}

/** Compared as a whole by those who are sent there, so it must be written as a browser writes it. */
export const isOrigin = (text: string): boolean => webAddress(text)?.origin === text;

/** The issuer of tokens: API Gateway calls it by https, and adds a path. The emulator calls a server on this machine as well. */
export function isIssuer(text: string, local: boolean): boolean {
  const url = webAddress(text);
  return url !== undefined && (local || url.protocol === 'https:') && !/[?#]/.test(text);
}

/** As Cognito accepts it: complete, by https, http to this machine only, without a fragment. */
export function isCallback(text: string): boolean {
  const url = webAddress(text);
  return url !== undefined && (url.protocol === 'https:' || url.hostname === 'localhost') && !text.includes('#') && text.length <= 1024;
}

/** `http://<host>:<port>`. */
export function isPlainServer(text: string): boolean {
  const url = webAddress(text);
  return url?.protocol === 'http:' && text.split('/').length === 3 && !/[?#]/.test(text);
}
