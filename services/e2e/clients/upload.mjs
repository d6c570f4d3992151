// Uploads a file with a stranger's tus client, as an application would, and prints the id of the job it became.
// usage: node upload.mjs ENDPOINT KEY FILE
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";

// `make setup-tests` puts it there.
const require = createRequire(new URL("../../../.local/node/", import.meta.url));
const { Upload } = require("tus-js-client");

const [endpoint, key, file] = process.argv.slice(2);
let job;

const upload = new Upload(createReadStream(file), {
  endpoint,
  headers: { Authorization: `Bearer ${key}` },
  metadata: { filename: "talk.wav", filetype: "audio/wav", lane: "batch" },
  retryDelays: Array(120).fill(250),
  onAfterResponse: (_request, response) => {
    job = response.getHeader("X-Escriba-Job") ?? job;
  },
  onError: (error) => {
    console.error(`${error}`);
    process.exitCode = 1;
  },
  onSuccess: () => console.log(job),
});
upload.start();
