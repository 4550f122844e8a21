import { describe, expect, it } from 'vitest';
import { urlText } from '../../host/http/go-url.ts';
import { signInLocation } from '../../host/http/sign-in-address.ts';
import { hostOfAddress, SignIn } from '../../host/routes/sign-in.ts';

/** What Go's net/url makes of them, as Authelia uses it: the portal, what is asked for, and the method. */
const LOCATIONS: readonly [string, [string, string, string, string], string][] = [
  [
    'https://auth.example.com',
    ['https', 'app.example.com', '/a?b=c', 'GET'],
    'https://auth.example.com/?rd=https%3A%2F%2Fapp.example.com%2Fa%3Fb%3Dc&rm=GET',
  ],
  [
    'https://auth.example.com/#/',
    ['https', 'app.example.com', '/', 'GET'],
    'https://auth.example.com/%23/?rd=https%3A%2F%2Fapp.example.com%2F&rm=GET',
  ],
  [
    'https://AUTH.example.com:443/base/',
    ['https', 'App.example.com:8443', '/', 'PROPFIND'],
    'https://auth.example.com:443/base/?rd=https%3A%2F%2FApp.example.com%3A8443%2F&rm=PROPFIND',
  ],
  [
    'https://auth.example.com/?z=a+b&a=%2F&rd=old',
    ['https', 'app.example.com', '/', 'GET'],
    'https://auth.example.com/?a=%2F&rd=https%3A%2F%2Fapp.example.com%2F&rm=GET&z=a+b',
  ],
  [
    'https://auth.example.com?q',
    ['https', 'app.example.com', '/', ''],
    'https://auth.example.com/?q=&rd=https%3A%2F%2Fapp.example.com%2F',
  ],
  [
    'https://auth.example.com/a%2fb/[x]"',
    ['https', 'app.example.com', "/p%20q/?a=1&b=%26<x>'", 'GET'],
    'https://auth.example.com/a/b/%5Bx%5D%22?rd=https%3A%2F%2Fapp.example.com%2Fp%2520q%2F%3Fa%3D1%26b%3D%2526%3Cx%3E%27&rm=GET',
  ],
  [
    'https://auth.example.com/',
    ['https', 'app.example.com', '/a#b?x#y', 'GET'],
    'https://auth.example.com/?rd=https%3A%2F%2Fapp.example.com%2Fa%2523b%3Fx%23y&rm=GET',
  ],
  [
    'https://auth.example.com/',
    ['https', 'app.example.com', '/{a}|b^c`d\\', 'GET'],
    'https://auth.example.com/?rd=https%3A%2F%2Fapp.example.com%2F%257Ba%257D%257Cb%255Ec%2560d%255C&rm=GET',
  ],
  [
    'https://auth.example.com/',
    ['https', 'app.example.com', "/[a]!*'()%41~", 'GET'],
    'https://auth.example.com/?rd=https%3A%2F%2Fapp.example.com%2F%5Ba%5D%21%2A%27%28%29%2541~&rm=GET',
  ],
  [
    'https://auth.example.com/',
    ['https', 'app.example.com', '/ä%C3%A4?ü=ö', 'GET'],
    'https://auth.example.com/?rd=https%3A%2F%2Fapp.example.com%2F%25C3%25A4%25C3%25A4%3F%C3%BC%3D%C3%B6&rm=GET',
  ],
  [
    'https://auth.example.com/',
    ['WSS', 'app.example.com', '', 'GET'],
    'https://auth.example.com/?rd=wss%3A%2F%2Fapp.example.com&rm=GET',
  ],
  [
    'https://auth.example.com/',
    ['https', 'app.example.com', '/?', 'GET'],
    'https://auth.example.com/?rd=https%3A%2F%2Fapp.example.com%2F%3F&rm=GET',
  ],
];

describe('where to sign in', () => {
  it.each(LOCATIONS)('%s for %j', (portal, [scheme, host, uri, method], location) => {
    const bytes = Buffer.from(uri, 'utf8').toString('latin1');
    expect(signInLocation(portal, urlText(scheme, host, bytes), method)).toBe(location);
  });

  it.each([
    'http://auth.example.com/',
    '//auth.example.com/',
    '/login',
    'auth.example.com',
    'https:auth.example.com',
    'https:///auth.example.com',
    'https://user@auth.example.com/',
    'https://auth.example.com\\@evil.org/',
    'https://auth.example.com /',
    'https://auth.example.com/\u0000',
    'https://auth.example.com:x/',
    'javascript:alert(1)//https://auth.example.com/',
    '',
  ])('is never %j', address => {
    expect(hostOfAddress(address)).toBeUndefined();
  });

  it('is that of the closest domain', () => {
    const signIn = new SignIn([
      { domain: 'example.com', signInUrl: 'https://auth.example.com/' },
      { domain: 'b.example.com', signInUrl: 'https://auth.b.example.com/' },
    ]);
    expect(signIn.domainOf('app.B.example.com.:443')?.domain).toBe('b.example.com');
    expect(signIn.domainOf('ab.example.com')?.domain).toBe('example.com');
    expect(signIn.domainOf('example.com')?.domain).toBe('example.com');
    expect(signIn.domainOf('badexample.com')).toBeUndefined();
  });
});
