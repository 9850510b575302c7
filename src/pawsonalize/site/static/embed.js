// See docs/how-to/embed-animals.md and packages/js/index.d.ts.

const SEEN_MS = 1000; // half of a card was on the screen
const MINUTE = 60_000;
const SESSION_MS = 90 * 24 * 60 * MINUTE;
const AT_ONCE = 20; // 64 kB may outlive their page
const MOST = 50; // answers that make one page
const WAITS = [1, 5, 30]; // seconds until the next attempt

const randomId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (one) => (one + 256).toString(16).slice(1))
    .join("");

function storage(isAllowed, name) {
  try {
    globalThis[name].pawsonalize = 1;
    return isAllowed ? globalThis[name] : {};
  } catch {
    return {}; // refused
  }
}

const merged = ({ animal, ...one }) => ({ ...animal, ...one });

export class Pawsonalize {
  #kept;
  #prefix;
  #waiting = new Map();
  #flying = new Set();
  #failures = 0;
  #timer;

  constructor({ url, key, userId, visitorToken, sessionId, remember = true, timeout = 1000 } = {}) {
    this.url = (url ?? new URL(import.meta.url).origin).replace(/\/+$/, "");
    Object.assign(this, { key, userId, visitorToken, timeout });
    this.#kept = storage(remember, "localStorage");
    this.pages = storage(remember, "sessionStorage"); // a reload shows the same page
    this.#prefix = `pawsonalize ${this.url} `;
    this.sessionId = sessionId ?? this.#session();
    globalThis.addEventListener?.("online", () => this.flush());
    globalThis.addEventListener?.("pagehide", () => this.flush());
    this.flush(); // what an earlier page could not send
  }

  send(event) {
    const { recommendationId, eventId = randomId() } = this.#origin(event);
    const { sessionId, userId } = this;
    const sentAt = Date.now();
    this.#keep(`event ${eventId}`, {
      sessionId, userId, sentAt, ...event, recommendationId, eventId,
    });
    const sent = new Promise((resolve, reject) => this.#waiting.set(eventId, { resolve, reject }));
    sent.catch(() => {});
    this.flush();
    return sent;
  }

  // The page it leads to may send the view too: with one id it counts once.
  open(animalId, recommendationId, impression) {
    const event = { eventType: "view", animal_id: animalId, recommendationId, eventId: randomId() };
    this.#keep("from", { ...event, at: Date.now() });
    return this.send({ ...event, impression });
  }

  async recommend(query) {
    const [said, recommendationId] =
      await this.#ask("recommendations", { include: ["animal"], ...query });
    return { recommendationId, animals: said.map(merged) };
  }

  async rerank(animalIds, query) {
    const itemMetadataList = [...new Set(animalIds)].slice(0, 500).map((itemId) => ({ itemId }));
    const [said, recommendationId] = await this.#ask("rerankings", { ...query, itemMetadataList });
    return { recommendationId, ranking: said.ranking };
  }

  async board(query) {
    const [{ boardId, animals }] =
      await this.#ask("boards", { include: ["animal"], ifWorth: true, of: undefined, ...query });
    return { boardId, animals: animals.map(merged) };
  }

  async search(words, query) {
    const [said] = await this.#ask("searches",
      { include: ["animal"], of: undefined, ...query, query: words });
    const nearest = said.nearest?.animals.map(merged) ?? [];
    return { ...said, animals: said.animals.map(merged), nearest };
  }

  // What may be read stays, with all that is above it, unless `all` may move.
  async order(root, query, all) {
    const watch = this.watch(root);
    const cards = watch.cards();
    const { ranking, recommendationId } =
      await this.rerank(cards.map((card) => card.dataset.animalId), query);
    const read = all ? -1 : cards.findLastIndex((card) => watch.isRead(card));
    arrange(cards.slice(read + 1), ranking);
    watch.look(recommendationId);
    return recommendationId;
  }

  watch(root, recommendationId) {
    const watch = watches.get(root) ?? new Watch(this, root);
    watches.set(root, watch);
    watch.look(recommendationId);
    return watch;
  }

  async flush() {
    const events = this.#batch();
    if (!events.length) return;
    clearTimeout(this.#timer);
    for (const { eventId } of events) this.#flying.add(eventId);
    try {
      await this.#deliver(events);
      this.#failures = 0;
      this.flush();
    } catch {
      const wait = WAITS[this.#failures++] ?? 120;
      this.#timer = setTimeout(() => this.flush(), wait * 1000);
    }
    for (const { eventId } of events) {
      this.#flying.delete(eventId);
      this.#waiting.get(eventId)?.resolve(false);
    }
  }

  #session() {
    const { id, at } = this.#known("session");
    const session = Date.now() - at < SESSION_MS ? id : randomId();
    this.#keep("session", { id: session, at: Date.now() });
    return session;
  }

  #origin({ eventType, animal_id: animalId, recommendationId, eventId }) {
    const from = this.#known("from");
    const age = Date.now() - from.at;
    if (from.animal_id === String(animalId) && age < 60 * MINUTE) {
      recommendationId ??= from.recommendationId;
      if (eventType === "view" && age < MINUTE) eventId ??= from.eventId;
    }
    return { recommendationId, eventId };
  }

  #known(name) {
    return JSON.parse(this.#kept[this.#prefix + name] ?? "{}");
  }

  #keep(name, value) {
    const kept = { [this.#prefix + name]: JSON.stringify(value) };
    try {
      Object.assign(this.#kept, kept);
    } catch {
      this.#kept = { ...this.#kept, ...kept }; // the disk is full
    }
  }

  #batch() {
    return Object.keys(this.#kept)
      .filter((name) => name.startsWith(`${this.#prefix}event `))
      .map((name) => JSON.parse(this.#kept[name]))
      .filter(({ eventId }) => !this.#flying.has(eventId))
      .sort((one, other) => one.sentAt - other.sentAt)
      .slice(0, AT_ONCE);
  }

  async #deliver(events) {
    const { status, said } = await this.#post("events", { events }, { keepalive: true });
    if (status > 400) throw status; // away, too busy, or a key that may be mended
    events.forEach(({ eventId }, place) => {
      const why = said.rejected?.find(({ index }) => index === place)
        ?? said.error;
      if (why) console.warn(`Pawsonalize: an event was refused: ${why.message}`);
      const { resolve, reject } = this.#waiting.get(eventId) ?? {};
      why ? reject?.(failure({ status, ...why })) : resolve?.(true);
      this.#waiting.delete(eventId);
      delete this.#kept[`${this.#prefix}event ${eventId}`];
    });
  }

  async #ask(what, query) {
    const { sessionId, userId } = this;
    const { said, headers } = await this.#post(what, {
      of: "animals", sessionId, userId, ...query,
    }, { signal: AbortSignal.timeout(this.timeout) });
    if (said.error) throw failure(said.error);
    return [said, headers.get("X-Recommendation-Id")];
  }

  async #post(what, body, options) {
    const own = { "Content-Type": "application/json" };
    if (this.key) own.Authorization = `Bearer ${this.key}`;
    if (this.visitorToken) own["Pawsonalize-Visitor"] = this.visitorToken;
    const answer = await fetch(`${this.url}/v1/${what}`, {
      method: "POST", body: JSON.stringify(body), headers: own, credentials: "omit", ...options,
    }).catch(({ name, message }) => { throw failure({ name, message, code: "unreachable" }); });
    const { ok, status, headers } = answer;
    const said = await answer.json().catch(() => ({}));
    if (!ok) said.error = { code: "unreachable", message: `status ${status}`, ...said.error, status };
    return { status, headers, said };
  }
}

function failure(why) {
  return Object.assign(Error(why.message), why);
}

// Those that stood here before: since the first paint.
const early = new WeakSet(globalThis.document?.querySelectorAll("[data-animal-id], :not(:defined)"));
const painted = (one) =>
  early.has(one) && performance.getEntriesByType("paint")[0]?.startTime || performance.now();

const watches = new WeakMap();

class Watch {
  #client;
  #root;
  #first = new Map();
  #since = new Map();
  #seen = new Set();
  #observer;

  constructor(client, root) {
    this.#client = client;
    this.#root = root;
    this.#observer = new IntersectionObserver((entries) => {
      for (const { target, intersectionRatio } of entries) {
        const since = painted(target);
        early.delete(target);
        this.#since.delete(target);
        if (intersectionRatio < 0.5) continue;
        this.#since.set(target, since);
        if (!this.#first.has(target)) this.#first.set(target, since);
        setTimeout(() => this.#since.get(target) === since && this.#seen.add(target), SEEN_MS);
      }
    }, { threshold: 0.5 });
    root.addEventListener("click", this);
    root.addEventListener("auxclick", this);
  }

  look(recommendationId) {
    this.recommendationId = recommendationId ?? this.recommendationId;
    for (const card of this.cards()) this.#observer.observe(card);
  }

  cards() {
    return [...this.#root.querySelectorAll("[data-animal-id]")];
  }

  isRead(card) {
    return performance.now() - this.#first.get(card) > this.#client.timeout
      || card.matches(":hover, :focus-within");
  }

  // Each card is reported once, in the page's order.
  #shown(card) {
    const fresh = this.cards()
      .filter((one) => one === card || (this.#seen.has(one) && !one.isReported));
    const start = Math.max(0, fresh.indexOf(card) - 24); // an event takes 25
    return fresh.slice(start, start + 25).map((one) => {
      one.isReported = true;
      return one.dataset.animalId;
    });
  }

  handleEvent({ target, button }) {
    const card = target.closest("[data-animal-id]");
    const eventType = target.closest("[data-event]")?.dataset.event;
    if (!card || button > 1 || !(eventType || target.closest("a[href]"))) return;
    const { animalId } = card.dataset;
    const { recommendationId } = card.dataset.recommendationId ? card.dataset : this;
    const impression = this.#shown(card);
    if (eventType) {
      this.sent = this.#client.send({ eventType, animal_id: animalId, recommendationId, impression });
    } else this.#client.open(animalId, recommendationId, impression);
  }
}

function arrange(cards, ranking) {
  const place = (card) => (ranking.indexOf(card.dataset.animalId) + 1 || Infinity);
  const wanted = [...cards].sort((one, other) => place(one) - place(other) || 0);
  const holes = cards.map(() => new Comment()); // what stands between the cards stays
  cards.forEach((card, index) => card.replaceWith(holes[index]));
  holes.forEach((hole, index) => hole.replaceWith(wanted[index]));
}

const STYLE = `:host { display: block; --ink: var(--paws-ink, light-dark(#2b211b, #f5ebdf));
  --card: var(--paws-card, light-dark(#fffdf8, #28211c));
  --line: var(--paws-line, light-dark(#e3d6c1, #4a3e35));
  --accent: var(--paws-accent, light-dark(#b0401a, #ff9d70)) }
:host([theme=auto]) { color-scheme: light dark }
:host([theme=dark]) { color-scheme: dark }
:host([theme=light]) { color-scheme: light }
ul, fieldset { display: grid; gap: var(--paws-gap, 1rem); margin: 1rem 0; padding: 0; border: 0;
  grid-template-columns: repeat(auto-fill, minmax(min(var(--paws-width, 12rem), 100%), 1fr)) }
fieldset { --paws-width: 6rem; gap: .5rem; min-width: 0 }
li, button { background: var(--card); color: var(--ink); border: 1px solid var(--line); padding: 0;
  border-radius: var(--paws-radius, 1.25rem); font: inherit; cursor: pointer }
li, [part=animal] { display: grid; position: relative; align-content: start; overflow: hidden;
  min-width: 0; padding-bottom: .8em; font-family: var(--paws-font, inherit); line-height: 1.5;
  text-align: start }
[part=tile] { display: block; aspect-ratio: 5 / 4; margin-bottom: .6em;
  background: var(--paws-tint, light-dark(#ffe1c4, #6b5145)) }
img { display: block; width: 100%; height: 100%; object-fit: cover; object-position: 50% 10% }
img[src*="/portrait.svg?"] { padding: 8% 8% 0; box-sizing: border-box; object-fit: contain;
  object-position: bottom }
li > :not([part=tile], button), [part=animal] > :last-child { min-height: 1.5em;
  margin: 0 min(1rem, 8%); font-size: .9em }
li > :not([part=tile], button) { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
li a:first-of-type { color: inherit; font-size: 1.2em; font-weight: 750; text-decoration: none }
a::after { content: ""; position: absolute; inset: 0 }
:focus-visible, li:has(a:focus-visible) { outline: 3px solid var(--accent); outline-offset: 2px }
li a:focus-visible { outline: 0 }
[part=dislike] { position: absolute; top: .5em; right: .5em; width: 2.2em; height: 2.2em;
  line-height: 1 }
[part=dislike]::before { content: "✕" }
[inert] { opacity: .6 }
[aria-busy] :not([part=tile], li) { background: linear-gradient(var(--line) 0 0) 0 / 80% 70% no-repeat }
[part=more], [part=reading], form * { min-height: 2.75rem; padding: 0 1.1em; font: inherit }
[part=reading] { margin: 0 .5rem .5rem 0 }
form { display: flex; gap: .5rem }
[part=input] { flex: 1; min-width: 0 }
[part=search] { min-width: 6rem }
legend { padding: 0 0 .6rem; font-size: 1.2em; font-weight: 750 }
[part=none] { grid-column: 1 / -1; min-height: 2.75rem }
[part=nearest] { grid-column: 1 / -1; background: none; border: 0; font-weight: 750 }
[aria-disabled] { opacity: .6 }
[aria-pressed=true] { outline: 3px solid }`;

const make = (name, given, ...inner) => {
  const made = Object.assign(document.createElement(name), given);
  made.append(...inner);
  return made;
};

// No markup: Trusted Types forbid it.
function parts() {
  const field = (field, name = "span", given) => {
    const made = make(name, given);
    made.dataset.field = field;
    return made;
  };
  const dislike = make("button", { part: "dislike" });
  dislike.dataset.event = "dislike";
  const tile = make("span", { part: "tile" }, field("photo", "img", { alt: "", loading: "lazy" }));
  const others = ["breed", "about", "where", "missing"].map((one) => field(one));
  return [tile, field("url", "a", { part: "name url" }), ...others, dislike];
}

function portrait(base, { id, itemId, colours = [] }) {
  const [, species, breed, size, age] = /^(.*?)-(.*)-(.*)-(.*)$/.exec(itemId) ?? [];
  const colour = colours.join(" and ");
  const pose = parseInt(id, 36) % 6 || 0;
  return `${base}/portrait.svg?${new URLSearchParams({ species, breed, size, age, colour, pose })}`;
}

function picture(image, photo, base, animal) {
  const drawing = portrait(base, animal);
  image.onerror = () => {
    image.onerror = null;
    image.src = drawing;
  };
  image.src = /^\/photos/.test(photo) ? base + photo : photo || drawing;
}

function card(animal, { inner, base, texts, pattern }) {
  const { id, name, breed, age, size, sex, shelter, distanceKm, givenUp, recommendationId } = animal;
  const page = (address) => address?.replace("{id}", encodeURIComponent(id));
  const far = distanceKm && new Intl.NumberFormat(texts.lang, {
    style: "unit", unit: texts.unit ?? "kilometer", maximumFractionDigits: 0,
  }).format(texts.unit === "mile" ? distanceKm / 1.609344 : distanceKm);
  const said = {
    ...animal,
    name: name || breed || id,
    url: page(pattern) ?? animal.url ?? (texts.page && base + page(texts.page)),
    about: [age, size, sex].filter(Boolean).map((word) => texts[word] ?? word).join(" · "),
    missing: givenUp?.map(({ words }) => `✕ ${words}`).join(" · "),
    where: [shelter, far].filter(Boolean).join(" · "),
  };
  const made = make("li", {}, ...inner);
  made.dataset.animalId = id;
  if (recommendationId) made.dataset.recommendationId = recommendationId;
  for (const field of made.querySelectorAll("[data-field]")) {
    const known = said[field.dataset.field];
    field.part.value ||= field.dataset.field;
    if (field.matches("img")) picture(field, known, base, animal);
    else if (field.matches("a")) {
      if (!field.firstElementChild) field.textContent ||= said.name;
      if (known) field.href = known;
      if (!field.protocol.startsWith("http")) field.removeAttribute("href");
    } else field.textContent = known ?? "";
  }
  for (const button of made.querySelectorAll("[part=dislike]")) {
    button.ariaLabel = button.title = `${texts.dislike ?? "✕"}: ${said.name}`;
  }
  return made;
}

// The elements' words, in the language of the page.
const spoken = {};
function words(element, { url, timeout }) {
  const lang = element.closest("[lang]")?.lang || navigator.language;
  // A page in `en` has miles for who reads it in `en-US`.
  const own = navigator.languages.find((one) => one.startsWith(lang)) ?? lang;
  const address = `${url}/embed.json?lang=${encodeURIComponent(own)}`;
  return spoken[address] ??= fetch(address, {
    credentials: "omit", signal: AbortSignal.timeout(timeout),
  }).then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));
}

const clients = {};

class AnimalsElement extends (globalThis.HTMLElement ?? Object) {
  texts = {};
  #list;
  #page;
  #coming;

  connectedCallback() {
    if (this.shadowRoot) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheet];
    shadow.append(
      make("slot", { name: "heading" }), make("slot"), make("button", { part: "more", hidden: true }),
    );
    shadow.lastChild.onclick = () => this.more();
    this.spoken = words(this, this.client).then((texts) => this.texts = texts);
    this.wait();
    // An answer counts as shown: ask when it is nearly on the screen.
    const near = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      near.disconnect();
      this.refresh();
    }, { rootMargin: "50%" });
    near.observe(this);
  }

  get client() {
    const said = (name) => this.getAttribute(name) ?? undefined;
    const options = {
      url: said("src"), key: said("key"), remember: said("remember") !== "no",
      userId: said("user-id"), visitorToken: said("visitor-token"), timeout: said("timeout"),
    };
    return clients[JSON.stringify(options)] ??= new Pawsonalize(options);
  }

  get query() {
    return JSON.parse(this.getAttribute("query") ?? "{}");
  }

  word(name, key = name) {
    return this.getAttribute(name) ?? this.texts[key] ?? "";
  }

  // Of the page that it shows, in this tab.
  get #name() {
    const place = [...document.querySelectorAll(this.localName)].indexOf(this);
    return `pawsonalize ${location.pathname}${location.search} ${place} ${this.getAttribute("query")}`;
  }

  #keep(ids, limit) {
    this.#page = { repeats: [...new Set(ids)], limit };
    try {
      this.client.pages[this.#name] = JSON.stringify(this.#page);
    } catch {} // the disk is full
  }

  // The site's own content was seen for long.
  #isRead(first) {
    const { top, bottom } = this.getBoundingClientRect();
    return top < innerHeight && bottom > 0
      && this.querySelector(":scope > :not([slot], template)")
      && performance.now() - first > this.client.timeout;
  }

  // Empty cards keep the place of those that come.
  wait() {
    if (this.querySelector("template, [data-animal-id]") || this.#isRead(painted(this))) return;
    const list = make("ul", { ariaBusy: "true" });
    for (let { limit = 10 } = this.query; limit > 0; limit -= 1) {
      list.append(make("li", { inert: true }, ...parts().slice(0, -1)));
    }
    this.shadowRoot.children[1].replaceWith(list);
  }

  get #waiting() {
    return this.shadowRoot.querySelector("[aria-busy]");
  }

  // Whatever fails leaves the page as its site wrote it; one that wrote nothing says why.
  async refresh(all) {
    try {
      const since = painted(this);
      early.delete(this);
      await this.fill(since, all);
      this.dataset.state = "shown";
    } catch (error) {
      console.info(`Pawsonalize: the page stays as it is: ${error.message}`);
      const away = this.word(error.message) || this.word("away");
      const own = make("slot", {}, make("p", { part: "away", textContent: away }));
      this.#waiting?.replaceWith(own);
      this.dataset.state = "away";
    }
  }

  async fill(first, all) {
    const query = { ...this.query, ...JSON.parse(this.client.pages[this.#name] ?? "{}") };
    if (!this.#list && this.querySelector("[data-animal-id]")) {
      this.#keep([await this.client.order(this, query, all)]);
      return;
    }
    const answer = await this.client.recommend(query);
    await this.spoken;
    if (!this.#waiting && this.#isRead(first)) throw Error("too late");
    const { animals, recommendationId } = answer;
    if (!animals[0]) throw Error("empty");
    this.show(answer);
    const own = animals.map((one) => one.recommendationId ?? recommendationId);
    this.#keep([recommendationId, ...own], query.limit);
  }

  // Others follow what is there: once, however often somebody clicks.
  more() {
    return this.#coming ??= this.#follow().finally(() => this.#coming = null);
  }

  async #follow() {
    const { limit = 10 } = this.query;
    const animals = await this.#next(limit, (this.#page.limit ?? limit) + limit);
    this.shadowRoot.lastChild.hidden = animals.length < limit || !this.#mayFollow;
    this.#add(animals);
  }

  get #mayFollow() {
    return this.#page?.repeats.length < MOST;
  }

  async #next(limit, shown) {
    const { repeats } = this.#page;
    const { animals, recommendationId } =
      await this.client.recommend({ ...this.query, limit, continues: repeats });
    this.#keep([...repeats, recommendationId], Math.min(shown, 500));
    return animals.map((one) => ({ recommendationId, ...one }));
  }

  #cards(animals) {
    const own = this.querySelector("template");
    const { texts, client: { url: base } } = this;
    const pattern = this.getAttribute("href");
    return animals.map((one) => {
      const inner = own ? [own.content.cloneNode(true)] : parts();
      return card(one, { inner, base, texts, pattern });
    });
  }

  // Those that follow nearly fit: each says what it gives up.
  nearest(animals) {
    if (!animals[0]) return;
    this.#list.append(make("li", { part: "nearest", textContent: this.word("nearly") }));
    this.#add(animals);
  }

  #add(animals) {
    this.#list.append(...this.#cards(animals));
    this.client.watch(this.#list);
  }

  // The card goes, and another comes where it was.
  async #replace(gone) {
    const { nextElementSibling, previousElementSibling } = gone;
    gone.inert = true;
    const watch = this.client.watch(this.#list);
    await watch.sent?.catch(() => {});
    const { limit = 10 } = this.query;
    const animals = this.#mayFollow
      ? await this.#next(1, this.#page.limit ?? limit).catch(() => []) : [];
    const cards = this.#cards(animals);
    gone.replaceWith(...cards);
    watch.look();
    (cards[0] ?? nextElementSibling ?? previousElementSibling)
      ?.querySelector("[href], button")?.focus();
  }

  show({ animals, recommendationId }) {
    const hasOwn = this.querySelector("template");
    if (hasOwn) this.#list?.remove();
    const list = this.#list = make("ul");
    const slot = make("slot");
    list.part = list.slot = slot.name = "animals";
    if (hasOwn) this.append(list);
    const { children, lastChild } = this.shadowRoot;
    children[1].replaceWith(hasOwn ? slot : list);
    lastChild.textContent = this.getAttribute("more");
    lastChild.hidden = !lastChild.textContent;
    this.client.watch(list, recommendationId);
    list.addEventListener("click", ({ target }) => {
      if (target.closest("[data-event=dislike]")) this.#replace(target.closest("li"));
    });
    this.#add(animals);
  }
}

// One tap, and all lists are the visitor's.
class BoardElement extends AnimalsElement {
  #board;
  #picked = 0;

  wait() {} // it may show nothing

  async fill(first) {
    const { client } = this;
    const { boardId, animals } = await client.board(this.query);
    await this.spoken;
    if (performance.now() - first > client.timeout) throw Error("too late");
    if (!animals[1]) throw Error("empty");
    const impression = animals.map(({ id }) => id);
    const board = this.#board = make("fieldset", { part: "board" },
      make("legend", { textContent: this.word("question") }),
      ...[...animals, {}].map((animal) => {
        const { id, name, breed, photo } = animal;
        const button = make("button", { part: id ? "animal" : "none", type: "button" });
        const text = [name, breed].filter(Boolean).join(", ") || id || this.word("none");
        if (id) {
          const tile = make("span", { part: "tile" }, make("img", { alt: "" }));
          picture(tile.firstChild, photo, client.url, animal);
          button.append(tile);
        }
        button.append(make("span", { textContent: text }));
        button.onclick = () => this.#answer(button, {
          recommendationId: boardId,
          impression,
          eventType: id ? "pick" : "no-pick",
          animal_id: id,
        });
        return button;
      }),
    );
    this.shadowRoot.replaceChildren(board);
  }

  async #answer(button, event) {
    if (this.#board.ariaDisabled || button.ariaPressed) return;
    this.dataset.state = "answered";
    button.ariaPressed = true;
    if (event.animal_id) {
      event.eventValue = ++this.#picked;
      this.#board.querySelector("[part=none]")?.remove();
      this.#board.firstChild.textContent = this.word("next");
    }
    if (this.#picked % 3 === 0) this.#board.ariaDisabled = true; // none, or all three
    await this.client.send(event);
    this.dispatchEvent(new CustomEvent("pick", { detail: event, bubbles: true }));
    for (const list of document.querySelectorAll("pawsonalize-animals")) list.refresh(true);
  }
}

class SearchElement extends AnimalsElement {
  #words;
  #without;
  #readings;

  wait() {} // nobody searches yet

  connectedCallback() {
    const isNew = !this.shadowRoot;
    super.connectedCallback();
    if (!isNew) return;
    const input = make("input", { type: "search", maxLength: 100, part: "input" });
    const button = make("button", { part: "search" });
    const form = make("form", { part: "form", role: "search" }, input, button);
    this.spoken.then(() => {
      input.ariaLabel = this.word("label");
      input.placeholder = this.word("placeholder");
      button.textContent = this.word("button");
    });
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#words = input.value.trim();
      this.#without = [];
      this.refresh();
    };
    this.#readings = make("p", { part: "readings", ariaLive: "polite" });
    this.shadowRoot.firstChild.append(form, this.#readings);
  }

  async fill() {
    if (!this.#words) return;
    const answer = await this.client
      .search(this.#words, { ...this.query, without: this.#without })
      .catch((error) => {
        this.#readings.textContent = this.word("away");
        throw error;
      });
    const { rules, understood, nearest, animals } = answer;
    this.#readings.replaceChildren(
      ...[...rules, ...understood].map(({ id, label }) => make("button", {
        type: "button", part: "reading", textContent: `${label} ×`, onclick: () => {
          this.#without.push(id);
          this.refresh();
        },
      })),
      animals[0] ? "" : `${this.word("none", "nobody")}: ${this.#words}`,
    );
    this.show(answer);
    this.nearest(nearest);
    this.shadowRoot.lastChild.hidden = true;
  }
}

const known = globalThis.customElements;
if (known && !known.get("pawsonalize-animals")) {
  known.define("pawsonalize-animals", AnimalsElement);
  known.define("pawsonalize-board", BoardElement);
  known.define("pawsonalize-search", SearchElement);
}
