// The events of a stream such as /api/events, whose data is JSON. (EventSource could not send our
// secret.) In: a body. Out: `{ event, data }`. No DOM.

/** The events of `body`; `heard` runs with every piece of it, also one that only keeps it alive. */
export async function* events(body, heard = () => {}) {
  let rest = '';
  for await (const text of texts(body)) {
    heard();
    const parts = (rest + text).split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split(/\r?\n/).map(field));
      if (fields.data) yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

/** `name: value`. By position: in a regular expression `.` ends at U+2028, which JSON holds as it is. */
function field(line) {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}

/** A body as text. Not by `for await`: not every browser can iterate a stream. */
async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
