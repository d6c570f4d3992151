// A recording's whole way through Escriba with the generated client. It is compiled as strictly as its users compile,
// and the tests run it: node tour.js URL API_KEY RECORDING
import { strictEqual as equal, ok } from "node:assert/strict";
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { argv } from "node:process";
import {
  createClient,
  createJob,
  deleteJob,
  editSegments,
  followJob,
  getJob,
  getTranscript,
  listJobs,
  listSegments,
} from "escriba-client";

const [baseUrl, auth, recording] = argv.slice(2);
ok(baseUrl && auth && recording, "usage: node tour.js URL API_KEY RECORDING");
const client = createClient({ baseUrl, auth });

// Upload.
const media = new File([await openAsBlob(recording)], basename(recording));
const submitted = await createJob({ client, body: { media, language: "en", word_timestamps: true } });
ok(submitted.data, submitted.error?.detail);
const path = { id: submitted.data.id };

// Follow. The stream ends with the job.
const { stream } = await followJob({ client, path, throwOnError: true });
let text = "";
for await (const event of stream) {
  if ("segments" in event) text += event.segments.map((segment) => segment.text).join("");
}
ok(/recording/i.test(text), text);

const job = (await getJob({ client, path, throwOnError: true })).data;
equal(job.state, "completed");
equal(job.file_name, basename(recording));
ok(job.duration && job.duration > 1);
const listed = (await listJobs({ client, query: { state: ["completed"] }, throwOnError: true })).data;
ok(listed.items.some(({ id }) => id === job.id));

// Fetch in each format.
for (const format of ["srt", "vtt", "txt"] as const) {
  const { data } = await getTranscript({ client, path, query: { format }, parseAs: "text", throwOnError: true });
  ok(/recording/i.test(String(data)), `${format}: ${String(data)}`);
}
const { data: transcript } = await getTranscript({ client, path, query: { format: "json" }, throwOnError: true });
ok(typeof transcript === "object" && "segments" in transcript && transcript.segments[0]?.words?.length);

// Put right what was misheard, in the version that was read.
const page = (await listSegments({ client, path, throwOnError: true })).data;
const [first] = page.items;
ok(first);
const edited = await editSegments({
  client,
  path,
  headers: { "If-Match": `"${page.version}"` },
  body: { operations: [{ op: "set", id: first.id, text: "What was really said." }] },
});
equal(edited.data?.version, page.version + 1, edited.error?.detail);
const { data: corrected } = await getTranscript({ client, path, query: { format: "txt" }, parseAs: "text" });
ok(/really said/.test(String(corrected)));
const stale = await editSegments({
  client,
  path,
  headers: { "If-Match": `"${page.version}"` },
  body: { operations: [{ op: "delete", id: first.id }] },
});
equal(stale.error?.code, "version_changed");

// What goes wrong has a type too.
const nowhere = await getJob({ client, path: { id: "00000000-0000-7000-8000-000000000000" } });
equal(nowhere.data, undefined);
equal(nowhere.error?.code, "job_not_found");

// Delete.
equal((await deleteJob({ client, path })).response?.status, 204);
equal((await getJob({ client, path })).error?.code, "job_not_found");
console.log("the tour is over");
