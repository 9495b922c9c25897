const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** RFC 1123 subdomain of at most 253 characters: what most object names must be. */
export function isDnsSubdomain(name: string): boolean {
  return name.length <= 253 && DNS_SUBDOMAIN.test(name);
}

/**
 * The `generateName` of what an owner creates: its name and a dash, or the bare name where the dash would make the
 * prefix invalid. As the API server does, a trailing dash is judged as if a letter followed the part before it.
 */
export function generatedPrefix(ownerName: string): string {
  const prefix = `${ownerName}-`;
  const masked = prefix.length > 1 ? `${prefix.slice(0, -2)}a` : prefix;
  return isDnsSubdomain(masked) ? prefix : ownerName;
}
