import { ipv6Groups } from '../regulation/address-range.ts';

/** Where a login comes from, as far as fairness is concerned. */
export interface Origin {
  /**
   * IPv4 address or IPv6 /64: what one household or server has. Wider would
   * make everybody in an office or a home network one client.
   */
  readonly address: string;
  /**
   * IPv4 /24 or IPv6 /48: what is rented or routed as one, so that whoever has
   * all of it does not count as hundreds of clients.
   */
  readonly network: string;
  /** The account, by whatever name it was asked for; for a user who does not exist the name itself. */
  readonly account: string;
}

/** @param client address in canonical text (RFC 5952), empty when it is not known: all such are one client */
export function originOf(client: string, account: string): Origin {
  if (!client.includes(':')) return { address: client, network: client.replace(/\.\d+$/, ''), account };
  const groups = ipv6Groups(client);
  return { address: groups.slice(0, 4).join(':'), network: groups.slice(0, 3).join(':'), account };
}
