// Starts GraphiQL on our endpoint, with the examples as its first tabs.
//
// Everything comes from this server. A key that is typed into the headers editor stays in the
// page: it is not stored.
"use strict";

(async function start() {
  const place = document.getElementById("graphiql");
  const endpoint = new URL(place.dataset.endpoint, location.href);

  async function example(name) {
    const answer = await fetch(`/static/graphiql/examples/${name}.graphql`);
    const query = await answer.text();
    const needsKey = /^mutation\b/m.test(query);
    return { query, headers: needsKey ? '{ "Authorization": "Bearer <your key>" }' : null };
  }

  // GraphiQL remembers tabs and past documents in the browser's storage. Its history would
  // remember their headers too, whatever `shouldPersistHeaders` says.
  function withoutHeaders(value) {
    try {
      return JSON.stringify(JSON.parse(value, (name, held) => (name === "headers" ? null : held)));
    } catch {
      return value; // a document or a preference, not JSON
    }
  }

  const storage = {
    get length() {
      return localStorage.length;
    },
    getItem: (name) => localStorage.getItem(name),
    setItem: (name, value) => localStorage.setItem(name, withoutHeaders(value)),
    removeItem: (name) => localStorage.removeItem(name),
    clear: () => localStorage.clear(),
  };

  // Just after a change of tabs GraphiQL may still name the operation of the tab before.
  function withItsOwnOperation({ operationName, ...parameters }) {
    const isThere = operationName && new RegExp(`\\b${operationName}\\b`).test(parameters.query);
    return isThere ? { ...parameters, operationName } : parameters;
  }

  // Queries and mutations are one request and one answer; a subscription's answers arrive as
  // server-sent events.
  async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop();
      for (const block of blocks) {
        const lines = block.split(/\r?\n/);
        const data = lines.filter((line) => line.startsWith("data:"));
        if (lines.includes("event: complete")) return;
        if (data.length) yield JSON.parse(data.map((line) => line.slice(5)).join("\n"));
      }
    }
  }

  function isSubscription({ query, operationName }) {
    const operations = query.replace(/#.*/g, "").match(/\bsubscription\s+\w*/g) || [];
    return operationName
      ? operations.some((operation) => operation.split(/\s+/)[1] === operationName)
      : /^\s*subscription\b/.test(query.replace(/#.*/g, ""));
  }

  async function fetcher(parameters, { headers } = {}) {
    const streams = isSubscription(parameters);
    const response = await fetch(endpoint, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "Content-Type": "application/json",
        Accept: streams ? "text/event-stream" : "application/graphql-response+json, application/json",
        ...headers,
      },
      body: JSON.stringify(withItsOwnOperation(parameters)),
    });
    const type = response.headers.get("Content-Type") || "";
    return type.startsWith("text/event-stream") ? events(response) : response.json();
  }

  const names = place.dataset.examples.split(" ");
  const defaultTabs = await Promise.all(names.map(example));
  ReactDOM.createRoot(place).render(
    React.createElement(GraphiQL, {
      fetcher,
      storage,
      defaultTabs,
      defaultEditorToolsVisibility: "headers",
      isHeadersEditorEnabled: true,
      shouldPersistHeaders: false,
      showPersistHeadersSettings: false,
    }),
  );
})();
