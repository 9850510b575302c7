// Sends what the visitor does to the API and shows the new order; every form also works without.
"use strict";

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

async function send(animal, eventType, eventId) {
  const event = {
    ...JSON.parse(document.body.dataset.visitor),
    ...JSON.parse(animal.dataset.animal),
    eventType,
  };
  if (eventId) event.eventId = eventId;
  const { access } = document.body.dataset;
  const answer = await fetch("/v1/events", {
    method: "POST",
    body: JSON.stringify(event),
    headers: {
      "Content-Type": "application/json",
      ...(access ? { Authorization: `Bearer ${access}` } : {}),
    },
    keepalive: true, // an event outlives the page it happened on
  });
  const receipt = await answer.json();
  const refused = receipt.error ?? receipt.rejected[0];
  if (refused) throw new Error(refused.message);
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
  for (const card of document.querySelectorAll("[data-key]")) {
    const { top, bottom } = card.getBoundingClientRect();
    const near = bottom > -innerHeight && top < 2 * innerHeight;
    card.style.viewTransitionName = named && near ? CSS.escape(`card-${card.dataset.key}`) : "";
  }
}

async function act(form) {
  const animal = form.closest("[data-animal]");
  try {
    await send(animal, form.dataset.eventType);
    say(form.dataset.said);
    await refresh();
  } catch (error) {
    say(`That was not recorded: ${error.message}`);
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
    if (!answer.ok) throw new Error("the server refused");
    say("Retraining has started. The new model takes over if it proves itself.");
    let run;
    for (let polls = 0; polls < POLLS && !run?.endedAt; polls += 1) {
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
      run = await newestRun();
    }
    if (!run?.endedAt) return;
    if (run.status === "promoted") await refresh();
    say(`Retraining: ${run.status}. ${run.reason}`);
  } catch (error) {
    say(`No training: ${error.message}`);
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
        note.remove();
        say("A model is live now: this is its order.");
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
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(source); // no clipboard over plain http: mark it instead
    say("Marked: copy it with your keyboard.");
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
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

// A page that comes back from the browser's memory shows the order of then.
addEventListener("pageshow", (event) => {
  if (event.persisted) refresh();
});

offerCopies();
watchLearning();
const panel = document.getElementById("panel");
if (panel && matchMedia("(min-width: 64rem)").matches) panel.open = true;

const viewed = document.querySelector("main[data-view-id]");
if (viewed) send(viewed, "view", viewed.dataset.viewId).then(refresh, (error) => say(error.message));
