type Tree = Record<string, unknown>;

/**
 * Replaces parts of `fresh` that equal the same part of `like` by that part itself, so that a thousand pods of one
 * ReplicaSet, and the versions of one object, share what they have in common. `fresh` is changed in place and must not
 * be frozen; `like` is only read. Returns `like` where all is equal.
 */
export function share(like: unknown, fresh: unknown): unknown {
  if (Object.is(like, fresh)) return like;
  if (typeof like !== 'object' || typeof fresh !== 'object' || like === null || fresh === null) return fresh;
  if (Array.isArray(like) || Array.isArray(fresh))
    return Array.isArray(like) && Array.isArray(fresh) ? shareArray(like, fresh) : fresh;
  return shareObject(like as Tree, fresh as Tree);
}

function shareArray(like: readonly unknown[], fresh: unknown[]): unknown {
  let same = like.length === fresh.length;
  for (let at = 0; at < fresh.length; at++) {
    const part = share(like[at], fresh[at]);
    fresh[at] = part;
    same &&= at < like.length && Object.is(part, like[at]);
  }
  return same ? like : fresh;
}

function shareObject(like: Tree, fresh: Tree): unknown {
  const keys = Object.keys(fresh);
  let same = keys.length === Object.keys(like).length;
  for (const key of keys) {
    // Assigning to `__proto__` would set the prototype; a hostile key is worth no sharing.
    if (key === '__proto__' || !Object.hasOwn(like, key)) {
      same = false;
      continue;
    }
    const part = share(like[key], fresh[key]);
    if (!Object.is(part, fresh[key])) fresh[key] = part;
    same &&= Object.is(part, like[key]);
  }
  return same ? like : fresh;
}
