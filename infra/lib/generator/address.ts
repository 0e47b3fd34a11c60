export interface Address {
  /** Without `/chat/completions` and without a slash at its end. */
  readonly baseUrl: string;
  readonly apiVersion?: string;
}

/** What the worker accepts: no user and password, which would be a secret in the template, and no fragment. */
const plain = /^(?<origin>https?:\/\/(?<authority>[^\s/?#@"<>\\^`{|}]+))(?<path>\/[^\s?#@"<>\\^`{|}]*)?(\?(?<query>[^\s#]*))?$/;
const azureHost = /\.(openai\.azure\.com|services\.ai\.azure\.com|cognitiveservices\.azure\.com)$/i;

/** The paths of known hosts, where it is not `/v1`. */
const paths: Record<string, string> = {
  'generativelanguage.googleapis.com': '/v1beta/openai',
  'api.groq.com': '/openai/v1',
  'openrouter.ai': '/api/v1',
};

/** Understands what people paste. An address that cannot work is an error that says the right one. */
export function readAddress(pasted: string): Address | { wrong: string } {
  const { origin, authority, path = '', query } = plain.exec(pasted)?.groups ?? {};
  if (origin === undefined || authority === undefined || !/^[!-~]+$/.test(pasted) || !URL.canParse(pasted)) {
    return { wrong: 'an http or https address such as https://api.openai.com/v1' };
  }
  const host = authority.replace(/:\d+$/, '').toLowerCase();
  const azure = azureHost.test(host);

  const apiVersion = query === undefined ? undefined : /^api-version=([A-Za-z0-9.-]+)$/.exec(query)?.[1];
  if (query && apiVersion === undefined) {
    return { wrong: `an address without a query: use ${origin}${path}. Only ?api-version=… of Azure is understood` };
  }
  const whole = path.replace(/\/+$/, '');
  const base = whole.replace(/\/chat\/completions$/i, '').replace(/\/+$/, '');
  if (whole === '' || (azure && /^(\/openai)?$/i.test(base))) {
    const right = `${origin}${azure ? '/openai/v1' : paths[host] ?? '/v1'}`;
    const elsewhere = '; for a server whose route is not below /v1, the whole address up to /chat/completions';
    return { wrong: `an address with its path: use ${right}${azure ? '' : elsewhere}` };
  }
  return { baseUrl: `${origin}${base}`, apiVersion };
}

export const isAzure = (baseUrl: string): boolean => azureHost.test(new URL(baseUrl).hostname);

/** One deployment of Azure OpenAI in the address, which needs an api-version; its v1 API needs none. */
export const azureDeployment = (baseUrl: string): boolean =>
  isAzure(baseUrl) && /^\/openai\/deployments\//i.test(new URL(baseUrl).pathname);

/** A key may be sent there: over TLS, or within this machine. */
export const isPrivate = (baseUrl: string): boolean =>
  /^(https:|http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(\/|$))/i.test(baseUrl);
