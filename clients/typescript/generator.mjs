// What `openapi-ts` makes of the document.

/** The generated function for a stream of events gives the data of each, parsed. */
function giveData(operation) {
  for (const { content } of Object.values(operation.responses ?? {})) {
    const stream = content?.["text/event-stream"];
    const data = stream?.schema?.properties?.data?.contentSchema;
    if (data) stream.schema = data;
  }
}

/** One function has one kind of body: of several, the form. */
function takeForm(operation) {
  const content = operation.requestBody?.content;
  if (content?.["multipart/form-data"]) delete content["application/json"];
}

function patch(_method, _path, operation) {
  giveData(operation);
  takeForm(operation);
}

export default {
  output: { path: "src/generated", module: { extension: ".js" } },
  parser: { patch: { operations: patch } },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
};
