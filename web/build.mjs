// Builds what the browser needs into web/dist, once, at set-up: GraphiQL, the workers of its editor, and plotly.js.
import { copyFile, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";

const out = "dist/graphiql";
const shared = {
  bundle: true,
  minify: true,
  legalComments: "linked",
  logLevel: "warning",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"' },
};

await rm("dist", { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  ...shared,
  entryPoints: ["graphiql/main.js"],
  outdir: out,
  format: "esm",
  splitting: true,
  loader: { ".ttf": "file" },
});
await build({
  ...shared,
  entryPoints: {
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
  },
  outdir: out,
  format: "iife",
});
await copyFile("graphiql/index.html", `${out}/index.html`);

// What draws the plots of `sarkmeli analytics report`: the part of plotly.js that knows bars and points, a quarter of the whole.
await copyFile("node_modules/plotly.js-basic-dist-min/plotly-basic.min.js", "dist/plotly-basic.min.js");
