/** IPv4 arithmetic for pod and service subnets. */
export interface Subnet {
  /** First address, as an unsigned 32-bit number. */
  readonly base: number;
  /** Bits of the network part, 0 to 32. */
  readonly prefix: number;
}

/** The address as an unsigned 32-bit number, or undefined when it is no dotted IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The subnet of a CIDR whose address is its first one, or undefined. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address, bits, ...rest] = text.split("/");
  const base = parseAddress(address ?? "");
  if (base === undefined || rest.length > 0 || bits === undefined || !/^(\d|[12]\d|3[0-2])$/.test(bits))
    return undefined;
  const prefix = Number(bits);
  return base % size({ base, prefix }) === 0 ? { base, prefix } : undefined;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${subnet.prefix}`;
}

/** How many addresses a subnet has. */
export function size(subnet: Subnet): number {
  return 2 ** (32 - subnet.prefix);
}

export function contains(subnet: Subnet, address: number): boolean {
  return address >= subnet.base && address < subnet.base + size(subnet);
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

/** The part of a subnet at a place, when it is cut into parts of the given prefix. */
export function part(subnet: Subnet, prefix: number, index: number): Subnet {
  return { base: subnet.base + index * 2 ** (32 - prefix), prefix };
}
