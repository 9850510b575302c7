// Tells the service what the visitor does, with the client that any site embeds, and shows the new
// order. Every form also works without.
const { Pawsonalize } = await import(document.body.dataset.embed);
const texts = JSON.parse(document.body.dataset.texts); // in the visitor's language

const POLL_MS = 1000;
const LEARNING_MS = 3000;
const POLLS = 300;
const SAID_MS = 6000;

let silence = 0;
function say(text) {
  const status = document.getElementById("status");
  status.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { status.textContent = ""; }, SAID_MS);
}

const { visitor, access } = document.body.dataset;
const pets = visitor && new Pawsonalize({ key: access, ...JSON.parse(visitor) });

// Which cards are seen, and whose page is opened from them.
function watchCards() {
  for (const list of document.querySelectorAll(".cards")) {
    pets?.watch(list, list.dataset.recommendationId);
  }
}

// Fetch this page again and put its live parts in place of the old ones.
async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (calm || !document.startViewTransition || !document.getElementById("cards")) {
    replaceLive(fresh);
    return;
  }
  nameCards(true);
  const transition = document.startViewTransition(() => {
    replaceLive(fresh);
    nameCards(true);
  });
  await transition.finished;
  nameCards(false);
}

function replaceLive(fresh) {
  const focused = document.activeElement?.id;
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(old.id);
    if (!next) continue;
    keepPictures(old, next);
    old.replaceWith(next);
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  offerCopies();
  watchCards();
}

// A picture that is loaded already does not flicker.
function keepPictures(old, next) {
  const loaded = new Map([...old.querySelectorAll("img")].map((img) => [img.src, img]));
  for (const img of next.querySelectorAll("img")) {
    const kept = loaded.get(new URL(img.getAttribute("src"), location.href).href);
    if (kept) img.replaceWith(kept.cloneNode());
  }
}

// The browser moves elements that have the same name before and after; far ones need no motion.
function nameCards(named) {
  for (const card of document.querySelectorAll("[data-animal-id]")) {
    const { top, bottom } = card.getBoundingClientRect();
    const near = bottom > -innerHeight && top < 2 * innerHeight;
    card.style.viewTransitionName = named && near ? CSS.escape(`card-${card.dataset.animalId}`) : "";
  }
}

async function act(form) {
  const animal = JSON.parse(form.closest("[data-animal]").dataset.animal);
  try {
    const isKnown = await pets.send({ ...animal, eventType: form.dataset.eventType });
    if (!isKnown) {
      say(texts.away);
      return;
    }
    say(form.dataset.said);
    await refresh();
  } catch (error) {
    say(`${texts.not_recorded}${error.message}`);
  }
}

async function newestRun() {
  const answer = await fetch("/v1/runs?limit=1");
  return answer.ok ? (await answer.json()).runs[0] : undefined;
}

async function train(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST" });
    if (!answer.ok) throw new Error(texts.refused);
    say(texts.training);
    let run;
    for (let polls = 0; polls < POLLS && !run?.endedAt; polls += 1) {
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
      run = await newestRun();
    }
    if (!run?.endedAt) return;
    if (run.status === "promoted") await refresh();
    say(`${texts.retraining}${run.status}. ${run.reason}`);
  } catch (error) {
    say(`${texts.no_training}${error.message}`);
  } finally {
    button.disabled = false;
  }
}

// While no model is live the page says how far the first one is, and then shows its order.
async function watchLearning() {
  const pause = () => new Promise((resolve) => { setTimeout(resolve, LEARNING_MS); });
  for (let note; (note = document.getElementById("learning")); ) {
    await pause();
    try {
      const answer = await fetch("/learning");
      if (answer.status === 204) {
        await refresh();
        // It keeps its place, so that nothing moves under a finger.
        note.style.minHeight = `${note.getBoundingClientRect().height}px`;
        note.textContent = texts.live;
        note.removeAttribute("id");
      } else if (answer.ok) {
        const said = await answer.text();
        if (said !== note.textContent) note.textContent = said;
      }
    } catch {
      // the server may be starting again: look once more
    }
  }
}

function offerCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    say(texts.copied);
  } catch {
    getSelection().selectAllChildren(source); // no clipboard over plain http: mark it instead
    say(texts.marked);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.eventType) {
    event.preventDefault();
    act(form);
  } else if ("train" in form.dataset) {
    event.preventDefault();
    train(form);
  }
});

document.addEventListener("click", (event) => {
  const copied = event.target.closest("[data-copy]");
  if (copied) copy(copied);
  const asked = event.target.closest("[data-inquiry]");
  if (asked) {
    const animal = JSON.parse(asked.closest("[data-animal]").dataset.animal);
    pets.send({ ...animal, eventType: "inquiry" });
  }
  const locate = event.target.closest("[data-locate]");
  if (locate) showNear(locate);
});

// The nearest animals first: about one kilometre is all that the service hears.
function showNear(button) {
  button.disabled = true;
  navigator.geolocation.getCurrentPosition(({ coords: { latitude, longitude } }) => {
    const address = new URL(location.href);
    address.searchParams.set("near", `${latitude.toFixed(2)},${longitude.toFixed(2)}`);
    location.assign(address);
  }, () => {
    button.disabled = false;
    say(texts.no_place);
  });
}

// A photo that its shelter has no more: the drawing stands for it.
function drawInstead(image) {
  if (!image.dataset?.drawing) return;
  image.src = image.dataset.drawing;
  image.className = "";
  delete image.dataset.drawing;
}

document.addEventListener("error", ({ target }) => drawInstead(target), true);
for (const image of document.querySelectorAll("[data-drawing]")) {
  if (image.complete && !image.naturalWidth) drawInstead(image);
}

// A page that comes back from the browser's memory shows the order of then.
addEventListener("pageshow", (event) => {
  if (event.persisted) refresh();
});

offerCopies();
watchCards();
watchLearning();
for (const button of document.querySelectorAll("[data-locate]")) {
  button.hidden = !navigator.geolocation || !isSecureContext;
}
const panel = document.getElementById("panel");
if (panel && matchMedia("(min-width: 64rem)").matches) panel.open = true;

const viewed = document.querySelector("main[data-animal]")?.dataset.animal;
if (viewed) {
  pets.send({ ...JSON.parse(viewed), eventType: "view" })
    .then((isKnown) => isKnown && refresh(), (error) => say(error.message));
}
