/**
 * Domains below which strangers have names of their own. The whole list is
 * publicsuffix.org's, and changes every week; these are the ones that people who
 * host at home, or with a provider, write by mistake.
 */
const SHARED: ReadonlySet<string> = new Set(
  `duckdns.org dynv6.net dedyn.io ddns.net hopto.org zapto.org sytes.net no-ip.org no-ip.biz noip.me
  dyndns.org dyndns.info dynu.net freemyip.com nsupdate.info spdns.de goip.de selfhost.eu myfritz.net
  synology.me myqnapcloud.com diskstation.me ts.net nip.io sslip.io ngrok.io ngrok.app ngrok-free.app
  github.io gitlab.io pages.dev workers.dev netlify.app vercel.app herokuapp.com fly.dev onrender.com
  web.app firebaseapp.com appspot.com azurewebsites.net cloudfront.net eu.org`.split(/\s+/),
);

/** `co.uk`, `com.au`: the second level of a country, where it is one that nobody has to themselves. */
const SECOND_LEVEL =
  /^(?:ac|co|com|edu|gov|net|org)\.(?:ar|au|br|cn|id|il|in|jp|kr|mx|my|nz|ph|pl|sg|th|tr|tw|uk|ve|vn|za)$/;

/** Whether browsers keep no cookie for all of this domain. @param domain in lower case */
export function isPublicSuffix(domain: string): boolean {
  return SHARED.has(domain) || SECOND_LEVEL.test(domain);
}
