"use strict";

// Sends what a form says, and shows what came back.
const key = document.querySelector("#key");
key?.form.addEventListener("submit", (event) => event.preventDefault());

for (const hidden of document.querySelectorAll(".key, .try")) hidden.hidden = false;

for (const choice of document.querySelectorAll(".examples")) {
  choice.addEventListener("change", () => {
    choice.form.querySelector(".body").value = choice.value;
  });
}

function addressOf(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("[data-in]")) {
    const value = input.value;
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(value));
    else if (value !== "") query.set(input.name, value);
  }
  const asked = query.toString();
  return asked ? `${path}?${asked}` : path;
}

function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send(form) {
  const { method } = form.dataset;
  const body = form.querySelector(".body");
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  const given = key.value.trim();
  if (given) headers.Authorization = `Bearer ${given}`;
  const answer = await fetch(addressOf(form), { method, headers, body: body ? body.value : undefined });
  const notes = [];
  for (const name of ["X-Recommendation-Id", "Pawsonalize-Unknown-Fields", "Retry-After"]) {
    const value = answer.headers.get(name);
    if (value !== null) notes.push(`${name}: ${value}`);
  }
  return { status: `${answer.status} ${answer.statusText}`.trim(), notes, text: await answer.text() };
}

for (const form of document.querySelectorAll(".try")) {
  const outcome = form.querySelector(".outcome");
  const shown = form.querySelector(".answer");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    outcome.textContent = "Sending…";
    const began = performance.now();
    try {
      const { status, notes, text } = await send(form);
      const took = Math.round(performance.now() - began);
      outcome.textContent = [`${status} after ${took} ms`, ...notes].join(". ");
      shown.firstElementChild.textContent = readable(text);
      shown.hidden = text === "";
    } catch {
      outcome.textContent = "The server did not answer: is it running?";
      shown.hidden = true;
    } finally {
      button.disabled = false;
    }
  });
}
