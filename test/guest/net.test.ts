import { describe, expect, it } from 'vitest';
import addresses from '../cases/cidr/addresses.json' with { type: 'json' };
import networks from '../cases/cidr/networks.json' with { type: 'json' };
import { policy } from '../support/policy-engine.ts';

describe('addresses', () => {
  it.each(addresses)('reads $text as Go does', ({ text, canonical }) => {
    expect(policy.ip(text)).toBe(canonical ?? '');
  });
});

describe('networks', () => {
  it.each(networks.networks)('$network holds what it holds in Go', ({ network, holds }) => {
    expect(policy.networks([network]).added).toEqual([true]);
    expect(networks.addresses.filter(address => policy.contains(address))).toEqual(holds);
  });

  it.each(networks.bad)('refuses %j', text => {
    expect(policy.networks([text]).added).toEqual([false]);
  });

  it.each(['10.0.0.0/08', '::/064', '10.0.0.0/00'])(
    'refuses the leading zero of %s, which Go takes',
    text => {
      expect(policy.networks([text]).added).toEqual([false]);
    },
  );

  it('holds in a set what one of its networks holds, in whatever order they come', () => {
    const list = networks.networks.map(({ network }) => network).filter(network => !network.endsWith('/0'));
    for (let turn = 0; turn < list.length; turn++) {
      const order = [...list.slice(turn), ...list.slice(0, turn)];
      for (const some of [order.slice(0, 5), order.slice(0, 9).reverse(), order]) {
        policy.networks(some);
        const expected = networks.addresses.filter(address =>
          networks.networks.some(({ network, holds }) => some.includes(network) && holds.includes(address)),
        );
        expect(networks.addresses.filter(address => policy.contains(address))).toEqual(expected);
      }
    }
  });

  it('joins ranges that overlap or touch', () => {
    expect(policy.networks(['10.0.0.0/25', '10.0.0.128/25', '10.0.0.7', '10.0.1.0/24']).size).toBe(8 + 8);
    expect(policy.networks(['10.0.0.0/32', '10.0.0.2/32']).size).toBe(8 + 16);
    expect(policy.networks(['2001:db8::/33', '2001:db8::1', '2001:db8::/32']).size).toBe(8 + 32);
    expect(policy.networks(['0.0.0.0/0', '255.255.255.255', '::/0']).size).toBe(8 + 8 + 32);
  });

  it('finds addresses among thousands of networks', () => {
    const list = Array.from({ length: 3_000 }, (_, i) => `10.${i >> 7}.${(i & 127) * 2}.0/24`).reverse();
    expect(policy.networks(list).size).toBe(8 + 3_000 * 8);
    for (const i of [0, 1, 1_500, 2_999]) {
      expect(policy.contains(`10.${i >> 7}.${(i & 127) * 2}.77`)).toBe(true);
      expect(policy.contains(`10.${i >> 7}.${(i & 127) * 2 + 1}.77`)).toBe(false);
    }
  });
});
