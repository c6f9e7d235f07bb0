// Whether a sign-in link can be followed on another machine.

/** The hub is reached by loopback, which is another machine's own. */
export function onlyHere(link: string): boolean {
  try {
    const { hostname } = new URL(link);
    return hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname);
  } catch {
    return false;
  }
}
