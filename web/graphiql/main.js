// GraphiQL from our own files: no content delivery network is asked for anything.
import "./main.css";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const WORKERS = { json: "json.worker.js", graphql: "graphql.worker.js" };

globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(`/graphiql/${WORKERS[label] ?? "editor.worker.js"}`),
};

// The custom header tells the service that the page is ours and not a form on a stranger's.
const fetcher = createGraphiQLFetcher({ url: "/graphql", headers: { "X-Sarkmeli": "graphiql" } });

// /start hands over a sample operation after the hash, which no server sees.
const handed = new URLSearchParams(location.hash.slice(1));

createRoot(document.getElementById("graphiql")).render(
  createElement(GraphiQL, {
    fetcher,
    shouldPersistHeaders: false,
    initialQuery: handed.get("query") ?? undefined,
    initialVariables: handed.get("variables") ?? undefined,
  }),
);
