import assert from "node:assert/strict";
import { createServer } from "node:http";
import { afterEach, beforeEach, test } from "node:test";

import { Pawsonalize } from "../../../src/pawsonalize/site/static/embed.js";

const ACCEPTED = { status: 202, body: { accepted: 1, duplicates: 0, rejected: [] } };
let server;
let requests;
let answers; // what comes next; when none is left, everything is accepted

beforeEach(async () => {
  globalThis.localStorage = {};
  [requests, answers] = [[], []];
  console.warn = () => {};
  server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    requests.push({ path: request.url, headers: request.headers, body: JSON.parse(text) });
    const { status, body, headers, hangs } = answers.shift() ?? ACCEPTED;
    if (hangs) return;
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const url = () => `http://127.0.0.1:${server.address().port}`;
const client = (options) => new Pawsonalize({ url: url(), ...options });
const kept = () => Object.keys(localStorage).filter((name) => name.includes(" event "));
async function until(isSo) {
  while (!isSo()) await new Promise((resolve) => { setTimeout(resolve, 10); });
}

test("an event has the session, a time and an id, and the key goes with it", async () => {
  const pets = client({ key: "K.S", userId: "ann", visitorToken: "T" });
  assert.equal(await pets.send({ eventType: "favorite", animal_id: "a-7" }), true);
  const [{ path, headers, body }] = requests;
  assert.equal(path, "/v1/events");
  assert.equal(headers.authorization, "Bearer K.S");
  assert.equal(headers["pawsonalize-visitor"], "T");
  const [event] = body.events;
  assert.equal(event.sessionId, pets.sessionId);
  assert.equal(event.userId, "ann");
  assert.ok(Date.now() - event.sentAt < 5000);
  assert.match(event.eventId, /^[0-9a-f]{32}$/);
  assert.deepEqual(kept(), []);
});

test("an event that cannot be sent is sent by the next page, under the same id", async () => {
  answers = [{ status: 503, body: {} }];
  assert.equal(await client().send({ eventType: "view", animal_id: "a-7" }), false);
  assert.equal(kept().length, 1);
  client();
  await until(() => !kept().length);
  const ids = requests.map(({ body }) => body.events[0].eventId);
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
  assert.deepEqual(kept(), []);
});

test("an event is kept while the key is wrong, or the service has too much to do", async () => {
  answers = [401, 403, 429].map((status) => ({ status, body: { error: { message: "no" } } }));
  const pets = client();
  for (const status of [401, 403, 429]) {
    assert.equal(await pets.send({ eventType: "view", animal_id: `a-${status}` }), false);
  }
  assert.equal(kept().length, 3);
  assert.equal(await pets.send({ eventType: "view", animal_id: "a-7" }), true);
  assert.deepEqual(kept(), []);
});

test("an event that is under way is not sent twice", async () => {
  const pets = client();
  await Promise.all([1, 2, 3].map((one) => pets.send({ eventType: "view", animal_id: one })));
  const sent = requests.flatMap(({ body }) => body.events.map(({ animal_id: id }) => id));
  assert.deepEqual(sent.sort(), [1, 2, 3]);
});

test("an event that the service refuses says why, and costs no other", async () => {
  answers = [{ status: 503, body: {} }, {
    status: 202, body: { accepted: 1, rejected: [
      { index: 0, code: "not_found", message: "no such animal", field: "animal_id" },
    ] },
  }];
  const pets = client();
  await pets.send({ eventType: "view", animal_id: "a-0", sentAt: 1 });
  const refused = pets.send({ eventType: "view", animal_id: "nobody", sentAt: 0 });
  await assert.rejects(refused, {
    message: "no such animal", status: 202, code: "not_found", field: "animal_id",
  });
  assert.deepEqual(kept(), []);
});

test("a long queue is sent in parts", async () => {
  const pets = client();
  for (let one = 0; one < 45; one += 1) {
    localStorage[`pawsonalize ${url()} event e${one}`] =
      JSON.stringify({ eventType: "view", eventId: `e${one}`, sentAt: one });
  }
  await pets.flush();
  await until(() => !kept().length);
  assert.deepEqual(requests.map(({ body }) => body.events.length), [20, 20, 5]);
  assert.equal(requests[0].body.events[0].eventId, "e0");
});

test("a session is kept for 90 days after it was last used", () => {
  const { sessionId } = client();
  assert.equal(client().sessionId, sessionId);
  const name = `pawsonalize ${url()} session`;
  const old = { ...JSON.parse(localStorage[name]), at: Date.now() - 91 * 24 * 3_600_000 };
  localStorage[name] = JSON.stringify(old);
  assert.notEqual(client().sessionId, sessionId);
});

test("nothing is stored where the site says so, or the browser refuses", async () => {
  assert.notEqual(client({ remember: false }).sessionId, client({ remember: false }).sessionId);
  const written = Object.keys(localStorage).filter((name) => name.includes("http"));
  assert.deepEqual(written, []);
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true, get() { throw new Error("refused"); },
  });
  try {
    assert.equal(await client().send({ eventType: "view", animal_id: "a-7" }), true);
  } finally {
    Object.defineProperty(globalThis, "localStorage", {
      configurable: true, writable: true, value: {},
    });
  }
});

test("a full disk loses no event of this page", async () => {
  globalThis.localStorage = new Proxy({}, {
    set(all, name, value) {
      if (name.includes(" event ")) throw new Error("QuotaExceededError");
      return Reflect.set(all, name, value);
    },
  });
  assert.equal(await client().send({ eventType: "view", animal_id: "a-7" }), true);
  assert.equal(requests[0].body.events[0].animal_id, "a-7");
});

test("a view that a list and the page it leads to both send has one id", async () => {
  const list = client();
  await list.open("a-7", "RID-1", ["a-6", "a-7"]);
  const page = client();
  await page.send({ eventType: "view", animal_id: "a-7" });
  await page.send({ eventType: "inquiry", animal_id: "a-7" });
  await page.send({ eventType: "view", animal_id: "a-8" });
  const [first, again, inquiry, other] = requests.map(({ body }) => body.events[0]);
  assert.deepEqual(first.impression, ["a-6", "a-7"]);
  assert.equal(again.eventId, first.eventId);
  assert.notEqual(inquiry.eventId, first.eventId);
  assert.equal(inquiry.recommendationId, "RID-1");
  assert.equal(other.recommendationId, undefined);
});

test("recommendations carry what a page shows, and the answer's id", async () => {
  answers = [{
    status: 200,
    headers: { "X-Recommendation-Id": "RID-1" },
    body: [{ id: "a-7", itemId: "2-Pug-1-1", score: 1, animal: { name: "Bo" } }],
  }];
  const { animals, recommendationId } = await client().recommend({ limit: 1, species: ["dog"] });
  assert.equal(recommendationId, "RID-1");
  assert.deepEqual(animals, [{ id: "a-7", itemId: "2-Pug-1-1", score: 1, name: "Bo" }]);
  const { path, body } = requests[0];
  assert.equal(path, "/v1/recommendations");
  assert.equal(body.of, "animals");
  assert.deepEqual([body.limit, body.species, body.include], [1, ["dog"], ["animal"]]);
});

test("a list is re-ranked with each animal once", async () => {
  answers = [{ status: 200, body: { ranking: ["b", "a"] } }];
  assert.deepEqual((await client().rerank(["a", "b", "a"])).ranking, ["b", "a"]);
  assert.deepEqual(requests[0].body.itemMetadataList, [{ itemId: "a" }, { itemId: "b" }]);
});

test("a question that is refused rejects with the service's status, code and field", async () => {
  const error = { code: "invalid_input", message: "limit must be at most 500", field: "limit" };
  answers = [{ status: 400, body: { error } }];
  await assert.rejects(client().recommend(), { ...error, status: 400 });
  answers = [{ status: 503, body: { error: { code: "not_ready", message: "no animal" } } }];
  await assert.rejects(client().search("dog"), { message: "no animal", code: "not_ready", status: 503 });
});

test("an outage is `unreachable`, and has a status only if something answered", async () => {
  const failure = (pets) => pets.recommend().then(assert.fail, (error) => error);
  answers = [{ hangs: true }];
  const late = await failure(client({ timeout: 50 }));
  assert.deepEqual([late.name, late.code, late.status], ["TimeoutError", "unreachable", undefined]);
  const nobody = await failure(new Pawsonalize({ url: "http://127.0.0.1:1" }));
  assert.deepEqual([nobody.code, nobody.status], ["unreachable", undefined]);
  answers = [{ status: 502 }]; // of a proxy
  const proxy = await failure(client());
  assert.deepEqual([proxy.code, proxy.status], ["unreachable", 502]);
});

test("a board is asked for if it is worth its place, and names its animals", async () => {
  answers = [{
    status: 200,
    body: { boardId: "RID-1", animals: [{ id: "a-7", animal: { name: "Pip" } }] },
  }];
  assert.deepEqual(await client({ sessionId: "s" }).board({ size: 4 }), {
    boardId: "RID-1", animals: [{ id: "a-7", name: "Pip" }],
  });
  const [{ path, body }] = requests;
  assert.equal(path, "/v1/boards");
  assert.deepEqual(body, { sessionId: "s", include: ["animal"], ifWorth: true, size: 4 });
});
