/**
 * What a request says that is not made for a program of this host: a redirect has led to it, or it asks what
 * anybody gets. A mirror of this host answers its own programs with its own credentials, and must not take
 * such a request for one of theirs. Spec: RFC 9110, 7.6.3.
 */
export const FOR_OTHERS: Readonly<Record<string, string>> = { via: '1.1 shoal' };
