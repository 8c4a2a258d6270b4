'use strict';
// GET by HTTP(S): proxies, certificates, redirects to allowed hosts only. Nothing is followed that was not asked for.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const tls = require('node:tls');
const { PrebuildError } = require('./errors.cjs');

const IDLE_TIMEOUT_MS = 30000;
const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
// Releases on github.com lead there: https://docs.github.com/en/get-started/using-github/troubleshooting-connectivity-problems
const SERVED_BY = {
  'github.com': ['objects.githubusercontent.com', 'release-assets.githubusercontent.com'],
};

/** Which hosts may be asked. */
class AllowedHosts {
  /** @param {string[]} urls whose hosts are allowed @param {string[]} hosts further ones */
  constructor(urls, hosts) {
    const own = urls.map((url) => new URL(url));
    this.hosts = new Set([...own.map((url) => url.host), ...hosts]);
    for (const host of [...this.hosts]) for (const other of SERVED_BY[host] || []) this.hosts.add(other);
    this.plain = new Set(own.filter((url) => url.protocol === 'http:').map((url) => url.host));
  }

  /** Throw unless *url* may be asked. Encryption is asked for unless the user gave an address without. */
  check(url) {
    const shown = withoutCredentials(url);
    if (!this.hosts.has(url.host) && !this.hosts.has(url.hostname)) {
      throw new PrebuildError(`${shown} is on a host that is not allowed`, {
        reasons: [`allowed are ${[...this.hosts].sort().join(', ')}`],
        action: 'find out who redirects there; PREBUILDS_HOSTS=host,host allows more',
        code: 'ERR_HOST',
      });
    }
    if (url.protocol !== 'https:' && !this.plain.has(url.host)) {
      throw new PrebuildError(`${shown} is not encrypted`, { code: 'ERR_HOST' });
    }
  }
}

/** Return the answer to a GET, after redirects; its body is not read yet. */
async function get(address, { headers = {}, allowed, env = process.env }) {
  let url = new URL(address);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    allowed.check(url);
    const response = await once(url, headers, env);
    const target = response.headers.location;
    if (!REDIRECTS.has(response.statusCode) || !target) return response;
    response.destroy();
    url = new URL(target, url);
  }
  throw new PrebuildError(`${withoutCredentials(new URL(address))} redirects without end`);
}

async function once(url, headers, env) {
  const proxy = proxyFor(url, env);
  const authorization = url.username ? { Authorization: basic(url) } : {};
  const all = { 'Accept-Encoding': 'identity', 'User-Agent': 'prebuilds', Host: url.host, ...authorization, ...headers };
  if (url.protocol === 'http:') {
    if (!proxy) return answer(http.request(url, { headers: all, agent: false }));
    const target = new URL(url);
    target.username = '';
    target.password = '';
    return answer(request(proxy, { path: target.href, headers: { ...all, ...proxyAuthorization(proxy) } }, env));
  }
  const options = { headers: all, agent: false, ...certificates(env) };
  if (proxy) {
    const socket = await tunnel(url, proxy, env);
    delete options.agent; // with one, the connection below would not be used
    options.createConnection = () => tls.connect({ socket, servername: url.hostname, ...certificates(env) });
  }
  return answer(https.request(url, options));
}

function request(server, options, env) {
  const common = { hostname: server.hostname, port: server.port || (server.protocol === 'https:' ? 443 : 80), agent: false };
  if (server.protocol === 'https:') return https.request({ ...common, ...certificates(env), ...options });
  return http.request({ ...common, ...options });
}

function tunnel(url, proxy, env) {
  const host = `${url.hostname}:${url.port || 443}`;
  const connect = request(proxy, { method: 'CONNECT', path: host, headers: { Host: host, ...proxyAuthorization(proxy) } }, env);
  return new Promise((resolve, reject) => {
    connect.setTimeout(IDLE_TIMEOUT_MS, () => connect.destroy(new Error('the proxy does not answer')));
    connect.on('error', reject);
    connect.on('connect', (response, socket) => {
      if (response.statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        reject(new Error(`the proxy ${proxy.host} answered ${response.statusCode}`));
      }
    });
    connect.end();
  });
}

function answer(sent) {
  return new Promise((resolve, reject) => {
    sent.setTimeout(IDLE_TIMEOUT_MS, () => sent.destroy(new Error(`no answer within ${IDLE_TIMEOUT_MS / 1000} s`)));
    sent.on('error', reject);
    sent.on('response', resolve);
    sent.end();
  });
}

/** npm's `cafile` and `ca` replace Node's own certificates; NODE_EXTRA_CA_CERTS is always trusted. */
function certificates(env) {
  const stated = env.npm_config_cafile ? fs.readFileSync(env.npm_config_cafile, 'utf8') : env.npm_config_ca;
  if (!stated) return {}; // Node has read NODE_EXTRA_CA_CERTS by itself
  const extra = env.NODE_EXTRA_CA_CERTS && fs.existsSync(env.NODE_EXTRA_CA_CERTS)
    ? [fs.readFileSync(env.NODE_EXTRA_CA_CERTS, 'utf8')] : [];
  return { ca: [stated.replace(/\\n/g, '\n'), ...extra] };
}

/** Return the proxy for an address, null without one. npm's settings come before the environment's. */
function proxyFor(url, env) {
  const named = (...names) => names.map((name) => env[name] || env[name.toUpperCase()]).find(Boolean);
  if (isDirect(url, env.npm_config_noproxy || named('no_proxy') || '')) return null;
  const found = url.protocol === 'https:'
    ? env.npm_config_https_proxy || named('https_proxy') || env.npm_config_proxy || named('all_proxy')
    : env.npm_config_proxy || named('http_proxy', 'all_proxy');
  if (!found || found === 'null' || found === 'false') return null;
  const proxy = new URL(/^[a-z0-9]+:\/\//i.test(found) ? found : `http://${found}`);
  if (!['http:', 'https:'].includes(proxy.protocol)) throw new Error(`proxies of the kind ${proxy.protocol} are not known`);
  return proxy;
}

/** NO_PROXY: names, also of domains, with a port or without, or `*`. */
function isDirect(url, list) {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).filter(Boolean).some((entry) => {
    if (entry === '*') return true;
    const [, name, wanted] = /^(.*?)(?::([0-9]+))?$/.exec(entry.toLowerCase());
    if (wanted && wanted !== port) return false;
    const bare = name.replace(/^\*?\./, '');
    return url.hostname === bare || url.hostname.endsWith(`.${bare}`);
  });
}

function proxyAuthorization(proxy) {
  return proxy.username ? { 'Proxy-Authorization': basic(proxy) } : {};
}

function basic(url) {
  const text = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

/** Return an address as messages may show it. */
function withoutCredentials(url) {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

module.exports = { AllowedHosts, get, proxyFor, withoutCredentials };
