// What happens to sessions, for those who do not see it: told to screen readers in sentences, together and
// seldom. In: two lists of sessions, or a sentence. Out: what `say` is given. No DOM.

/** At most one telling in this time, in ms, and the most sentences in one. */
const TELLING = 2_000;
const SENTENCES = 3;

/** What has become of the sessions, in sentences; `before` is null the first time. */
export function changes(before, now) {
  if (before === null) return [now.length === 1 ? '1 session.' : `${now.length} sessions.`];
  const was = new Map(before.map((session) => [session.id, session]));
  const news = [];
  for (const session of now) {
    if (!was.has(session.id)) news.push(`${session.name} has started.`);
    else if (session.bell && !was.get(session.id).bell) news.push(`${session.name} rings.`);
    was.delete(session.id);
  }
  return [...news, ...[...was.values()].map(({ name }) => `${name} has ended.`)];
}

export class News {
  #say;
  #news = new Set();
  #telling = null;

  constructor(say) {
    this.#say = say;
  }

  tell(...sentences) {
    for (const sentence of sentences) this.#news.add(sentence);
    if (this.#news.size === 0) return;
    this.#telling ??= setTimeout(() => {
      this.#say([...this.#news].slice(-SENTENCES).join(' '));
      this.#news.clear();
      this.#telling = null;
    }, TELLING);
  }
}
