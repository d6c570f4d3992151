// Uses a server through OpenAI's own library, as a program written for OpenAI does, and checks what it gets.
//
// `all URL KEY ENGLISH SPANISH LETTER` tries everything; `retry URL KEY ENGLISH` gives up waiting again and again. The
// texts come out as one JSON object on the last line; whether they are right is for the caller to say.

import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// `make setup-tests` puts it there.
const require = createRequire(new URL('../../../.local/node/', import.meta.url));
const { OpenAI, APIError, AuthenticationError, BadRequestError, NotFoundError } = require('openai');

const file = (path) => createReadStream(path);

async function models(client, baseURL) {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.deepEqual(names.slice(0, 2), ['whisper-1', 'base']);
  assert.equal((await client.models.retrieve('base')).object, 'model');
  await assert.rejects(client.models.retrieve('gpt-4o'), (error) => {
    assert(error instanceof NotFoundError);
    assert.equal(error.code, 'model_not_found');
    assert.match(error.requestID, /^req_/);
    return true;
  });
  const stranger = new OpenAI({ baseURL, apiKey: 'sk-unknown' });
  await assert.rejects(stranger.models.list(), (error) => {
    assert(error instanceof AuthenticationError);
    assert.equal(error.code, 'invalid_api_key');
    return true;
  });
}

async function plain(client, english) {
  const asked = client.audio.transcriptions.create({ file: file(english), model: 'whisper-1' });
  const { data, response, request_id } = await asked.withResponse();
  assert(response.headers.get('x-escriba-job'));
  assert.match(request_id, /^req_/);
  assert.equal(data.usage.type, 'duration');
  assert(data.usage.seconds > 15.9 && data.usage.seconds < 16.2);
  assert.deepEqual(data.languages, [{ code: 'en' }]);
  return data.text;
}

async function inFormat(client, english, name) {
  const answer = await client.audio.transcriptions.create({ file: file(english), model: 'base', response_format: name });
  assert.equal(typeof answer, 'string');
  return answer;
}

async function verbose(client, english) {
  const answer = await client.audio.transcriptions.create({
    file: file(english),
    model: 'base',
    response_format: 'verbose_json',
    timestamp_granularities: ['word', 'segment'],
  });
  assert.equal(answer.task, 'transcribe');
  assert.equal(answer.language, 'english');
  assert(answer.duration > 15.9 && answer.duration < 16.2);
  const required = [
    'id', 'seek', 'start', 'end', 'text', 'tokens', 'temperature', 'avg_logprob', 'compression_ratio',
    'no_speech_prob',
  ];
  for (const segment of answer.segments) {
    for (const name of required) assert(segment[name] !== undefined && segment[name] !== null, name);
    assert(segment.tokens.length > 0 && segment.seek / 100 <= segment.start);
  }
  assert.equal(answer.words.map(({ word }) => word).join(' '), answer.text);
  return answer.text;
}

async function withOptions(client, english) {
  const answer = await client.audio.transcriptions.create({
    file: file(english),
    model: 'whisper-1',
    languages: ['en', 'es'],
    keywords: ['Escriba'],
    prompt: 'A short talk.',
    temperature: 0,
    include: ['logprobs'],
    chunking_strategy: { type: 'server_vad', threshold: 0.5, silence_duration_ms: 200 },
  });
  assert(answer.logprobs.every(({ logprob }) => logprob <= 0));
  assert(answer.logprobs.every(({ token, bytes }) => Buffer.from(bytes).toString() === token));
  return answer.logprobs.map(({ token }) => token).join(' ');
}

async function diarized(client, english) {
  const answer = await client.audio.transcriptions.create({
    file: file(english),
    model: 'base',
    response_format: 'diarized_json',
    chunking_strategy: 'auto',
  });
  assert(answer.segments.length > 0);
  for (const segment of answer.segments) {
    assert.equal(segment.type, 'transcript.text.segment');
    assert.equal(segment.speaker, 'A');
  }
  return answer.text;
}

async function streamed(client, english) {
  const events = await client.audio.transcriptions.create({ file: file(english), model: 'whisper-1', stream: true });
  let told = '';
  let done;
  for await (const event of events) {
    if (event.type === 'transcript.text.delta') told += event.delta;
    if (event.type === 'transcript.text.done') done = event;
  }
  assert.equal(done.text, told);
  return told;
}

async function translated(client, spanish) {
  const answer = await client.audio.translations.create({
    file: file(spanish),
    model: 'whisper-1',
    response_format: 'verbose_json',
  });
  assert.equal(answer.language, 'english');
  assert(answer.segments.length > 0);
  return answer.text;
}

async function refused(client, english, letter) {
  const transcribe = (options) => client.audio.transcriptions.create({ model: 'base', ...options });
  await assert.rejects(transcribe({ file: file(letter) }), (error) => {
    assert(error instanceof BadRequestError);
    assert.deepEqual([error.code, error.param], ['media_unrecognized', 'file']);
    assert(error.headers.get('x-escriba-job'));
    return true;
  });
  await assert.rejects(transcribe({ file: file(english), response_format: 'html' }), BadRequestError);
  await assert.rejects(transcribe({ file: file(english), model: 'gpt-transcribe' }), NotFoundError);
  const events = await transcribe({ file: file(letter), stream: true });
  const read = async () => {
    for await (const event of events) assert.fail(JSON.stringify(event));
  };
  await assert.rejects(read(), (error) => {
    assert(error instanceof APIError);
    assert.equal(error.code, 'media_unrecognized');
    return true;
  });
}

async function everything(baseURL, apiKey, english, spanish, letter) {
  const client = new OpenAI({ baseURL, apiKey });
  await models(client, baseURL);
  const [json, text, srt, vtt] = await Promise.all([
    plain(client, english),
    ...['text', 'srt', 'vtt'].map((name) => inFormat(client, english, name)),
  ]);
  const texts = { json, text, srt, vtt };
  texts.verbose_json = await verbose(client, english);
  texts.logprobs = await withOptions(client, english);
  texts.diarized_json = await diarized(client, english);
  texts.stream = await streamed(client, english);
  texts.translation = await translated(client, spanish);
  await refused(client, english, letter);
  return texts;
}

// Each try waits two seconds; which it is, the library says in a header.
async function retried(baseURL, apiKey, english) {
  const telling = (url, init) => {
    if (new Headers(init.headers).get('x-stainless-retry-count') !== '0') console.log('again');
    return fetch(url, init);
  };
  const client = new OpenAI({ baseURL, apiKey, timeout: 2000, maxRetries: 100, fetch: telling });
  const recording = new File([readFileSync(english)], 'english.m4a');
  const answer = await client.audio.transcriptions.create({ file: recording, model: 'whisper-1' });
  return { json: answer.text };
}

const [command, ...args] = process.argv.slice(2);
console.log(JSON.stringify(await { all: everything, retry: retried }[command](...args)));
