import { because, type Finding } from '../finding.ts';
import { type Check, hasFailed, type Observation } from '../observation.ts';
import type { ProbeAnswer, ProbeView } from '../probe-view.ts';

const works = because('this is what a client gets.');
const opens = because('somebody without a good credential got through to the service.');
const blind = because(
  'the plugin answers such requests by itself once it sees the guest directory; now each costs a question to the host.',
);

/** What real requests through Traefik were answered. */
export const checkProbe: Check = seen => {
  const { probe } = seen;
  if (probe === undefined) return [];
  if (hasFailed(probe)) {
    return [
      works.error(
        'probe.unreachable',
        `the request through Traefik failed: ${probe.failed}`,
        "# name a URL of a guarded domain and, where its name does not lead to Traefik, the entry point's address\npostern doctor --probe https://app.example.com/ --connect 127.0.0.1:443",
      ),
    ];
  }
  const findings = [
    ...checkAnswer('anonymous', 'without a credential', probe.anonymous, seen),
    ...checkAnswer('unknown', 'with an unknown credential', probe.unknown, seen),
    ...checkForged(probe, seen),
  ];
  if (probe.askedHost === true && (probe.anonymous.status === 401 || probe.anonymous.status === 403)) {
    findings.push(
      blind.error(
        'probe.guest-blind',
        'the plugin asked the host about a request without a credential: it does not see the guest directory, or not with the right key',
        seen.mend.plugins(),
      ),
    );
  }
  if (findings.length > 0) return findings;
  return [
    works.ok(
      'probe.answers',
      `${probe.url}: ${probe.anonymous.status} without a credential, ${probe.unknown.status} with an unknown one`,
    ),
  ];
};

function checkAnswer(who: string, how: string, answer: ProbeAnswer, seen: Observation): Finding[] {
  const { mend, host } = seen;
  const { status, expected } = answer;
  const said = `${status} ${how}`;
  if (answer.unrouted && expected !== 'allow') {
    return [
      works.error(
        `probe.${who}-unrouted`,
        `Traefik has no router for it: ${said}; no child takes the verdict of this plugin's key, or no parent the host`,
        `# print routers and key anew from one secret\n${mend.plugins()}\n---\n${mend.domain(domainOf(seen), 'app')}`,
      ),
    ];
  }
  if (status === 503) {
    const beating = !hasFailed(host) && host.heartbeat === 'ok';
    return [
      beating
        ? works.error(
            `probe.${who}-refused`,
            `${said}, while the host is well: the plugin has no key or a bad configuration; Traefik's log says which`,
            `${mend.plugins()}\n---\n# in the dynamic configuration\n${mend.middlewares('postern')}`,
          )
        : works.error(`probe.${who}-refused`, `${said}: the host is gone`, mend.postern('serve')),
    ];
  }
  if (status >= 500) {
    return [
      works.error(
        `probe.${who}-failed`,
        `${said}: Traefik cannot reach the host, or the service fails`,
        mend.middlewares('postern-host'),
      ),
    ];
  }
  if (status < 400 && expected !== undefined && expected !== 'allow') {
    return [
      opens.error(
        `probe.${who}-open`,
        `${said}, where the policy says ${expected}`,
        mend.domain(domainOf(seen), 'app'),
      ),
    ];
  }
  const wanted = expected === 'challenge' ? 401 : expected === 'forbid' ? 403 : undefined;
  if (wanted !== undefined && status !== wanted) {
    return [
      works.warning(
        `probe.${who}-unexpected`,
        `${said}, where the policy says ${expected}`,
        `# if postern.yml has changed since the host was started, restart it\n${mend.postern('serve')}`,
      ),
    ];
  }
  if (status === 401 && !answer.challenges) {
    return [
      works.warning(
        `probe.${who}-unchallenged`,
        `${said}, without WWW-Authenticate: the answer is not Postern's`,
        mend.domain(domainOf(seen), 'app'),
      ),
    ];
  }
  return [];
}

function checkForged(probe: ProbeView, seen: Observation): Finding[] {
  const { anonymous, forged } = probe;
  const through = forged.some(({ status }) => status < 400) && anonymous.status >= 400;
  if (!through) return [];
  return [
    opens.error(
      'probe.forged',
      'a Postern-Verdict of the client opened the service: the parent does not run the plugin',
      mendParent(seen),
    ),
  ];
}

const mendParent = (seen: Observation): string => seen.mend.domain(domainOf(seen), 'app');

function domainOf({ probe }: Observation): string {
  if (probe === undefined || hasFailed(probe)) return 'app.example.com';
  return new URL(probe.url).hostname;
}
