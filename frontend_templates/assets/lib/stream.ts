// A server-sent stream of JSON events.

/** The `data:` lines, parsed, until [DONE]. Throws the error an event carries. */
export async function* events(response: Response): AsyncGenerator<unknown> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice(5).trim();
      if (data === "[DONE]") return;
      const piece = JSON.parse(data) as { error?: { message?: string } };
      if (piece.error) throw new Error(piece.error.message);
      yield piece;
    }
  }
}
