/**
 * How a client talks to the test that runs it: facts come as JSON on the standard input, and what
 * the client found leaves as JSON on the standard output. The test judges it.
 */
import { text } from "node:stream/consumers";

export type Facts = Record<"url" | "key" | "trusted" | "trustedKey", string>;

export async function report(work: (facts: Facts) => Promise<object>): Promise<void> {
  const facts: Facts = JSON.parse(await text(process.stdin));
  console.log(JSON.stringify(await work(facts)));
}

/** A fetch that notes each request: its method, its status, and whether it carried a document. */
export function notingFetch(notes: string[]): typeof fetch {
  return async (input, init) => {
    const sent = `${decodeURIComponent(String(input))} ${init?.body ?? ""}`;
    const answer = await fetch(input, init);
    const document = /[?&]query=|"query":"/.test(sent) ? "document" : "name alone";
    notes.push(`${init?.method ?? "GET"} ${document} ${answer.status}`);
    return answer;
  };
}
