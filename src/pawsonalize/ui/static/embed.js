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

  // True once the service has it, false while it is kept; rejects if refused.
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

  // Animals to choose among; none where that is not worth its place.
  async board(query) {
    const [{ boardId, animals }] =
      await this.#ask("boards", { include: ["animal"], ifWorth: true, of: undefined, ...query });
    return { boardId, animals: animals.map(merged) };
  }

  // What was understood stands beside the animals: send the ids of some `without` to drop them.
  async search(words, query) {
    const [said] = await this.#ask("searches",
      { include: ["animal"], of: undefined, ...query, query: words });
    return { ...said, animals: said.animals.map(merged) };
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
      const why = said.rejected?.find(({ index }) => index === place)?.message
        ?? said.error?.message;
      if (why) console.warn(`Pawsonalize: an event was refused: ${why}`);
      const { resolve, reject } = this.#waiting.get(eventId) ?? {};
      why ? reject?.(Error(why)) : resolve?.(true);
      this.#waiting.delete(eventId);
      delete this.#kept[`${this.#prefix}event ${eventId}`];
    });
  }

  async #ask(what, query) {
    const { sessionId, userId } = this;
    const { said, headers } = await this.#post(what, {
      of: "animals", sessionId, userId, ...query,
    }, { signal: AbortSignal.timeout(this.timeout) });
    if (said.error) throw Error(said.error.message);
    return [said, headers.get("X-Recommendation-Id")];
  }

  async #post(what, body, options) {
    const own = { "Content-Type": "application/json" };
    if (this.key) own.Authorization = `Bearer ${this.key}`;
    if (this.visitorToken) own["Pawsonalize-Visitor"] = this.visitorToken;
    const answer = await fetch(`${this.url}/v1/${what}`, {
      method: "POST", body: JSON.stringify(body), headers: own, credentials: "omit", ...options,
    });
    const { ok, status, headers } = answer;
    const said = await answer.json().catch(() => ({}));
    if (!ok) said.error ??= { message: `status ${status}` };
    return { status, headers, said };
  }
}

// Since when the first screen has been there.
const began = performance.now();
function painted() {
  const now = performance.now();
  const [first] = now - began < 100 ? performance.getEntriesByType("paint") : [];
  return first?.startTime ?? now;
}

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
    let first = painted();
    this.#observer = new IntersectionObserver((entries) => {
      const since = first ?? performance.now();
      first = null;
      for (const { target, intersectionRatio } of entries) {
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
      this.#client.send({ eventType, animal_id: animalId, recommendationId, impression });
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

const STYLE = `:host { display: block }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1rem;
  padding: 0 }
li { display: grid; position: relative; align-content: start; padding: .75rem;
  border: 1px solid #8888; border-radius: 1rem; overflow-wrap: anywhere }
img { width: 100%; aspect-ratio: 4 / 3; object-fit: cover }
a { color: inherit; font-weight: 700 }
a::after { content: ""; position: absolute; inset: 0 }
fieldset { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: .5rem;
  padding: 0; border: 0 }
legend { padding: 0 0 .5rem; font-weight: 700 }
fieldset button { min-height: 3rem; font: inherit; overflow-wrap: anywhere }
[part=none] { grid-column: 1 / -1 }
[aria-disabled] { opacity: .6 }
[aria-pressed=true] { outline: 3px solid }`;

const CARD = `<img data-field="photo" alt="" loading="lazy"><a data-field="url"></a>
<span data-field="breed"></span><span data-field="about"></span><span data-field="where"></span>`;

const make = (name, given) => Object.assign(document.createElement(name), given);

function card(animal, template, pattern) {
  const { id, name, breed, age, size, sex, shelter, distanceKm, recommendationId } = animal;
  const said = {
    ...animal,
    name: name || breed || id,
    url: pattern?.replace("{id}", encodeURIComponent(id)) ?? animal.url,
    about: [age, size, sex].filter(Boolean).join(" · "),
    where: [shelter, distanceKm && `${Math.round(distanceKm)} km`].filter(Boolean).join(" · "),
  };
  const made = make("li");
  made.dataset.animalId = id;
  if (recommendationId) made.dataset.recommendationId = recommendationId;
  made.append(template.content.cloneNode(true));
  for (const field of made.querySelectorAll("[data-field]")) {
    const known = said[field.part = field.dataset.field];
    if (field.matches("img")) known ? field.src = known : field.remove();
    else if (field.matches("a")) {
      if (!field.firstElementChild) field.textContent ||= said.name;
      if (known) field.href = known;
      if (!field.protocol.startsWith("http")) field.removeAttribute("href");
    } else field.textContent = known ?? "";
  }
  return made;
}

const clients = {};

class AnimalsElement extends (globalThis.HTMLElement ?? Object) {
  #list;
  #page;
  #coming;

  connectedCallback() {
    if (this.shadowRoot) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const shadow = this.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheet];
    shadow.innerHTML = `<slot name="heading"></slot><slot></slot><button part="more" hidden>`;
    shadow.lastChild.onclick = () => this.more();
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

  // Whatever fails leaves the page as its site wrote it.
  async refresh(all) {
    try {
      await this.fill(painted(), all);
      this.dataset.state = "shown";
    } catch (error) {
      console.info(`Pawsonalize: the page stays as it is: ${error.message}`);
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
    const { top, bottom } = this.getBoundingClientRect();
    const isRead = top < innerHeight && bottom > 0
      && this.querySelector(":scope > :not([slot], template)");
    if (isRead && performance.now() - first > this.client.timeout) throw Error("too late");
    const { animals, recommendationId } = answer;
    if (!animals[0]) throw Error("none");
    this.show(answer);
    const own = animals.map((one) => one.recommendationId ?? recommendationId);
    this.#keep([recommendationId, ...own], query.limit);
  }

  // What is there stays, and others follow: once, however often somebody clicks meanwhile.
  more() {
    return this.#coming ??= this.#follow().finally(() => this.#coming = null);
  }

  async #follow() {
    const { limit = 10 } = this.query;
    const { repeats, limit: shown = limit } = this.#page;
    const { animals, recommendationId } =
      await this.client.recommend({ ...this.query, continues: repeats });
    this.shadowRoot.lastChild.hidden = animals.length < limit || repeats.length > MOST - 2;
    this.#add(animals.map((one) => ({ recommendationId, ...one })));
    this.#keep([...repeats, recommendationId], Math.min(shown + limit, 500));
  }

  #add(animals) {
    const own = this.querySelector("template");
    const template = own ?? make("template");
    if (!own) template.innerHTML = CARD;
    this.#list.append(...animals.map((one) => card(one, template, this.getAttribute("href"))));
    this.client.watch(this.#list);
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
    this.#add(animals);
  }
}

// One tap, and all lists of the page are the visitor's; two more may follow.
class BoardElement extends AnimalsElement {
  #board;
  #picked = 0;

  async fill(first) {
    const { boardId, animals } = await this.client.board(this.query);
    if (performance.now() - first > this.client.timeout) throw Error("too late");
    if (!animals[1]) throw Error("none");
    const impression = animals.map(({ id }) => id);
    const said = (name, text) => this.getAttribute(name) ?? text;
    const board = this.#board = make("fieldset", { part: "board" });
    board.append(
      make("legend", { textContent: said("question", "Whom would you like to meet first?") }),
      ...[...animals, {}].map(({ id, name, breed, photo }) => {
        const button = make("button", { part: id ? "animal" : "none" });
        if (photo) button.append(make("img", { src: photo, alt: "" }));
        button.append(id ? [name, breed].filter(Boolean).join(", ") || id : said("none", "None of these"));
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
      this.#board.firstChild.textContent = this.getAttribute("next") ?? "Somebody else as well?";
    }
    if (this.#picked % 3 === 0) this.#board.ariaDisabled = true; // none, or all that one may pick
    await this.client.send(event);
    this.dispatchEvent(new CustomEvent("pick", { detail: event, bubbles: true }));
    for (const list of document.querySelectorAll("pawsonalize-animals")) list.refresh(true);
  }
}

class SearchElement extends AnimalsElement {
  #words;
  #without;
  #readings;

  connectedCallback() {
    const isNew = !this.shadowRoot;
    super.connectedCallback();
    if (!isNew) return;
    const said = (name, text) => this.getAttribute(name) ?? text;
    const form = make("form", { part: "form", role: "search" });
    const label = said("label", "Search the animals");
    const input = make("input", { type: "search", maxLength: 100, ariaLabel: label, part: "input" });
    input.placeholder = said("placeholder", "Calm dog for kids, beagle, a name …");
    form.append(input, make("button", { part: "search", textContent: said("button", "Search") }));
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
    const answer =
      await this.client.search(this.#words, { ...this.query, without: this.#without });
    const { rules, understood, nearest, animals } = answer;
    const given = nearest?.givenUp.map(({ words }) => words).join(", ");
    const none = this.getAttribute("none") ?? "Nobody here fits";
    this.#readings.replaceChildren(
      ...[...rules, ...understood].map(({ id, label }) => make("button", {
        type: "button", part: "reading", textContent: `${label} ×`, onclick: () => {
          this.#without.push(id);
          this.refresh();
        },
      })),
      given || !animals[0] ? `${none}: ${given ?? this.#words}` : "",
    );
    this.show(answer);
    this.shadowRoot.lastChild.hidden = true;
  }
}

const known = globalThis.customElements;
if (!known?.get("pawsonalize-animals")) {
  known?.define("pawsonalize-animals", AnimalsElement);
  known?.define("pawsonalize-board", BoardElement);
  known?.define("pawsonalize-search", SearchElement);
}
