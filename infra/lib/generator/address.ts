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

/** Nothing, or Azure's part before its APIs. */
const isRoot = (path: string, azure: boolean) => path === '' || (azure && /^\/openai$/i.test(path));

/**
 * The path above another route of a known server: Ollama's own (`/api/chat`), those beside chat completions, and the
 * project of an Azure resource. Nothing for any other path.
 */
function aboveRoute(path: string, azure: boolean): string | undefined {
  if (/^\/api(\/(chat|generate|tags))?$/i.test(path) || (azure && /^\/api\/projects\/[^/]+$/i.test(path))) return '';
  const beside = /^(.*)\/(models|responses|completions|embeddings)$/i.exec(path);
  // A host of Azure has its inference API for models of others at /models.
  return azure && /^\/models$/i.test(path) ? undefined : beside?.[1];
}

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
  const above = whole === base ? aboveRoute(base, azure) : undefined;
  const root = azure ? '/openai/v1' : Object.hasOwn(paths, host) ? paths[host] : '/v1';
  if (above !== undefined) {
    return { wrong: `an address that /chat/completions is added to: use ${origin}${isRoot(above, azure) ? root : above}` };
  }
  if (whole === '' || (azure && isRoot(base, azure))) {
    const right = `${origin}${root}`;
    const elsewhere = '; for a server whose route is not below /v1, the whole address up to /chat/completions';
    return { wrong: `an address with its path: use ${right}${azure ? '' : elsewhere}` };
  }
  return { baseUrl: `${origin}${base}`, apiVersion };
}

export const isAzure = (baseUrl: string): boolean => azureHost.test(new URL(baseUrl).hostname);

/** One deployment of Azure OpenAI in the address, which needs an api-version; its v1 API needs none. */
export const azureDeployment = (baseUrl: string): boolean =>
  isAzure(baseUrl) && /^\/openai\/deployments\//i.test(new URL(baseUrl).pathname);

/** Azure's v1 API, which has one version. */
export const azureV1 = (baseUrl: string): boolean => isAzure(baseUrl) && /\/openai\/v1$/i.test(new URL(baseUrl).pathname);

/** A host that public DNS and the Internet do not reach: this machine, or in a private network. */
export function isInternal(baseUrl: string): boolean {
  const host = new URL(baseUrl).hostname;
  const v4 = /^(\d+)\.(\d+)\.\d+\.\d+$/.exec(host);
  if (v4) {
    const [first, second] = [Number(v4[1]), Number(v4[2])];
    return [0, 10, 127].includes(first) || (first === 172 && second >= 16 && second < 32) || (first === 192 && second === 168)
      || (first === 169 && second === 254) || (first === 100 && second >= 64 && second < 128);
  }
  if (host.startsWith('[')) return /^\[(::1?\]|f[cd]|fe[89ab])/i.test(host);
  return !host.includes('.') || /\.(internal|local|localhost|lan)\.?$/i.test(host);
}

/** The machine itself. */
export function isLoopback(baseUrl: string): boolean {
  const host = new URL(baseUrl).hostname;
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])\.?$/i.test(host);
}

/** A key may be sent there: over TLS, or within this machine. */
export const isPrivate = (baseUrl: string): boolean =>
  /^(https:|http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(\/|$))/i.test(baseUrl);
