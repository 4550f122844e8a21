export interface Annotations {
  readonly 'nginx.ingress.kubernetes.io/auth-url': string;
  readonly 'nginx.ingress.kubernetes.io/auth-signin': string;
  readonly 'nginx.ingress.kubernetes.io/auth-response-headers': string;
  readonly 'nginx.ingress.kubernetes.io/server-snippet'?: string;
}

export interface IngressOptions {
  readonly host: string;
  readonly annotations: Annotations;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
  /** URL of the application. */
  readonly backend: string;
  /** Further paths without authentication, and the URLs behind them. */
  readonly open?: Readonly<Record<string, string>>;
}

/**
 * What the ingress-nginx controller makes of an Ingress, as far as it concerns
 * authentication: the same directives, without its Lua and its own modules
 * (`set_escape_uri` is not in a plain nginx, so the address to return to goes
 * unescaped).
 */
export function controllerConfig(options: IngressOptions): string {
  const { host, annotations, port, certificate, key, backend, open = {} } = options;
  const of = (name: keyof Annotations) => annotations[name] ?? '';
  const headers = of('nginx.ingress.kubernetes.io/auth-response-headers').split(',');
  const signIn = of('nginx.ingress.kubernetes.io/auth-signin');
  const url = of('nginx.ingress.kubernetes.io/auth-url');
  const back = signIn.includes('rd=') ? '' : '?rd=$scheme://$http_host$escaped_request_uri';
  const variable = (name: string) => `$upstream_http_${name.toLowerCase().replaceAll('-', '_')}`;
  const passed = headers.flatMap((name, i) => [
    `auth_request_set $authHeader${i} ${variable(name)};`,
    `proxy_set_header '${name}' $authHeader${i};`,
  ]);
  const toService = `
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Scheme $scheme;
      proxy_http_version 1.1;`;
  const without = Object.entries(open).map(
    ([path, service]) => `    location ${path}/ {${toService}
      proxy_pass ${service};
    }
`,
  );
  return `
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  map $request_uri $escaped_request_uri { default $request_uri; }
  server {
    listen 127.0.0.1:${port} ssl http2 default_server;
    server_name _;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    return 404;
  }
  server {
    listen 127.0.0.1:${port} ssl http2;
    server_name ${host};
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    client_max_body_size 0;
    ${of('nginx.ingress.kubernetes.io/server-snippet')}
    location = /_external-auth {
      internal;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Forwarded-Proto "";
      proxy_set_header Host ${new URL(url).host};
      proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Sent-From "nginx-ingress-controller";
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Auth-Request-Redirect $request_uri;
      proxy_http_version 1.1;
      set $target ${url};
      proxy_pass $target;
    }
    location @signin {
      internal;
      add_header Set-Cookie $auth_cookie;
      return 302 ${signIn}${back};
    }
${without.join('')}    location / {
      auth_request /_external-auth;
      auth_request_set $auth_cookie $upstream_http_set_cookie;
      add_header Set-Cookie $auth_cookie;
      ${passed.join('\n      ')}
      error_page 401 = @signin;${toService}
      proxy_request_buffering off;
      proxy_pass ${backend};
    }
  }
`;
}
